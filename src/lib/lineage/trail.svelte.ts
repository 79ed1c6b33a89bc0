import { refText, type Node } from './lineage.ts';

/** The things that were looked at on this walk, in order; going back to one cuts what came after it. */
class Trail {
	nodes = $state.raw<Node[]>([]);

	at(node: Node): void {
		const place = this.nodes.findIndex((known) => refText(known) === refText(node));
		this.nodes = [...(place < 0 ? this.nodes : this.nodes.slice(0, place)), node].slice(-60);
	}

	forget(): void {
		this.nodes = [];
	}
}

export const trail = new Trail();
