import type { Block } from './ast.ts';
import { parseBlocks } from './parse.ts';

/**
 * Markdown that grows. Blocks that later text cannot change are parsed once and keep their identity, so their DOM
 * is left alone; only the last block is parsed again. A whole reply costs O(n) plus the square of its longest block.
 */
export class MarkdownStream {
	/** Finished blocks, then those of the part still open. */
	done = $state.raw<readonly Block[]>([]);
	open = $state.raw<readonly Block[]>([]);
	#source = '';
	#settled = 0;

	/** Takes the whole text so far. Text that does not continue the former starts anew. */
	set(source: string): void {
		if (source === this.#source) return;
		if (!source.startsWith(this.#source.slice(0, this.#settled))) {
			this.#settled = 0;
			this.done = [];
		}
		this.#source = source;
		const parts = parseBlocks(source.slice(this.#settled));
		const last = parts.findLastIndex((part) => part.blocks.length > 0);
		const settled = parts.slice(0, Math.max(0, last));
		if (settled.length > 0) {
			this.done = [...this.done, ...settled.flatMap((part) => part.blocks)];
			for (const part of settled) this.#settled += part.raw.length;
		}
		this.open = parts.slice(Math.max(0, last)).flatMap((part) => part.blocks);
	}
}
