/** What someone dropped, opened or shared, and where it comes from if that is known. */
export interface Arrival {
	files: File[];
	source?: string;
}

/** Files on their way from where they arrived to the page that imports them. */
class Arrivals {
	#waiting: Arrival = { files: [] };

	put(arrival: Arrival): void {
		this.#waiting = arrival;
	}

	/** Gives them once. */
	take(): Arrival {
		const arrival = this.#waiting;
		this.#waiting = { files: [] };
		return arrival;
	}
}

export const arrivals = new Arrivals();

/**
 * What another app has shared with this one (the share target in static/manifest.webmanifest): a document of its title and
 * text, from its address. Undefined where nothing was shared.
 */
export function sharedWith(parameters: URLSearchParams): Arrival | undefined {
	const [title, text, url] = ['title', 'text', 'url'].map((name) => parameters.get(name)?.trim() ?? '');
	if (!title && !text && !url) return undefined;
	// Many apps put the address into the text.
	const source = url || (/https?:\/\/\S+/.exec(text ?? '')?.[0] ?? '');
	const body = text && text !== source ? text : source;
	const heading = title && body ? `# ${title}\n\n` : '';
	return { files: [new File([`${heading}${body || title}\n`], 'shared.md')], source };
}
