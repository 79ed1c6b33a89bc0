/** Files on their way from where they were dropped to the page that imports them. */
class WaitingFiles {
	#files: File[] = [];

	put(files: File[]): void {
		this.#files = files;
	}

	/** Gives the files once. */
	take(): File[] {
		const files = this.#files;
		this.#files = [];
		return files;
	}
}

export const waitingFiles = new WaitingFiles();
