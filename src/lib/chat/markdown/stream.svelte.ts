import type { Block } from './ast.ts';
import { parseBlocks } from './parse.ts';

/**
 * Markdown that grows. Blocks that later text cannot change are parsed once and keep their identity, so their DOM
 * is left alone; only the last block is parsed again. A whole reply costs O(n) plus the square of its longest block.
 */
export class MarkdownStream {
	blocks = $state.raw<readonly Block[]>([]);
	#source = '';
	/** Characters of the source, and the blocks they gave, that are settled. */
	#settled = 0;
	#done: Block[] = [];

	/** Takes the whole text so far. Text that does not continue the former starts anew. */
	set(source: string): void {
		if (source === this.#source) return;
		if (!source.startsWith(this.#source.slice(0, this.#settled))) {
			this.#settled = 0;
			this.#done = [];
		}
		this.#source = source;
		const parts = parseBlocks(source.slice(this.#settled));
		const open = Math.max(
			0,
			parts.findLastIndex((part) => part.blocks.length > 0)
		);
		for (const { raw, blocks } of parts.slice(0, open)) {
			this.#settled += raw.length;
			this.#done.push(...blocks);
		}
		this.blocks = [...this.#done, ...parts.slice(open).flatMap((part) => part.blocks)];
	}
}
