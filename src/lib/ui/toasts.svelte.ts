import { heard } from '#lib/i18n/words.ts';

interface Toast {
	id: number;
	text: string;
	action?: { label: string; run: () => void };
}

const lifetime = 8000;

/** Short messages at the edge of the screen. A deletion is carried out when its message leaves without an undo. */
class Toasts {
	items = $state<Toast[]>([]);
	#next = 0;
	#timers = new Map<number, { timer: ReturnType<typeof setTimeout>; done?: () => void }>();

	/** Says something that needs no answer. */
	say(text: string): void {
		this.#add({ id: this.#next++, text });
	}

	/** Says that something did not succeed. */
	fail({ message }: Error): void {
		this.say(heard(message));
	}

	/** The same, and what to do. */
	advise({ message, remedy }: { message: string; remedy: string }): void {
		this.say(`${heard(message)} ${heard(remedy)}`);
	}

	/** Offers `undo`; otherwise `commit` runs when the message leaves, also when the page is being left. */
	undoable(text: string, undo: () => void, commit?: () => void): void {
		const id = this.#next++;
		this.#add({ id, text, action: { label: 'Undo', run: () => (this.#drop(id), undo()) } }, commit);
	}

	/** Stays until it is taken or dismissed. */
	offer(text: string, label: string, take: () => void): void {
		const id = this.#next++;
		this.items = [
			...this.items.slice(-2),
			{ id, text, action: { label, run: () => (this.#drop(id), take()) } }
		];
	}

	dismiss(id: number): void {
		const done = this.#timers.get(id)?.done;
		this.#drop(id);
		done?.();
	}

	/** While a toast is read or hovered it stays. */
	hold(id: number): void {
		const entry = this.#timers.get(id);
		if (entry) clearTimeout(entry.timer);
	}

	release(id: number): void {
		const entry = this.#timers.get(id);
		if (!entry) return;
		clearTimeout(entry.timer);
		entry.timer = setTimeout(() => this.dismiss(id), lifetime);
	}

	/** Commits everything that is still waiting. */
	flush(): void {
		for (const id of [...this.#timers.keys()]) this.dismiss(id);
	}

	#add(toast: Toast, done?: () => void) {
		this.items = [...this.items.slice(-2), toast];
		this.#timers.set(toast.id, { timer: setTimeout(() => this.dismiss(toast.id), lifetime), done });
	}

	#drop(id: number) {
		const entry = this.#timers.get(id);
		if (entry) clearTimeout(entry.timer);
		this.#timers.delete(id);
		this.items = this.items.filter((toast) => toast.id !== id);
	}
}

export const toasts = new Toasts();
