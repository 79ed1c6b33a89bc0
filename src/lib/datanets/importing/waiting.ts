/** What someone dropped, opened or shared, and where it comes from if that is known. */
export interface Arrival {
	files: File[];
	source?: string;
	/** Where it was kept: call this once it was used, or is not wanted. */
	forget?: () => Promise<void>;
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
