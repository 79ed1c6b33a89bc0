/** A part of a reply that a person asks about, in its text (UTF-16 units). */
export interface Passage {
	start: number;
	end: number;
}

/** Which reply's attribution is open beside the conversation, and what of it a person points at. */
class Inspector {
	/** Id of the reply; undefined while nothing is open. */
	reply = $state<string>();
	/** The passage asked about; undefined: the whole reply. */
	passage = $state.raw<Passage>();
	/** The passage under the pointer, here or in the reply itself: both light up together. */
	hovered = $state.raw<{ reply: string; passage: Passage }>();
	/** Where the focus goes back to. */
	#opener: HTMLElement | undefined;

	open(reply: string, { passage, opener }: { passage?: Passage; opener?: HTMLElement } = {}): void {
		this.reply = reply;
		this.passage = passage;
		if (opener) this.#opener = opener;
	}

	close(): void {
		this.reply = this.passage = this.hovered = undefined;
		this.#opener?.focus();
		this.#opener = undefined;
	}

	/** Closes it where its conversation is left: there is nothing to go back to. */
	leave(): void {
		this.reply = this.passage = this.hovered = this.#opener = undefined;
	}

	hover(reply: string, passage: Passage | undefined): void {
		this.hovered = passage && { reply, passage };
	}
}

export const inspector = new Inspector();
