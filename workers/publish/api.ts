export interface PackedFile {
	path: string;
	content: Blob;
}

/** What the page asks the publishing worker. Failures arrive as `OpenLedgerError`. */
export interface PublishApi {
	/** Files in a folder as a CARv1 archive, and the folder's CID. */
	car(files: PackedFile[]): Promise<{ car: Blob; cid: string }>;
	/** Commits files to a model repository of the Hub, made where it is not there. Returns the commit. Throws `hub/*` (`hub/occupied`: `mayReplace`), `aborted`. */
	push(
		name: string,
		files: PackedFile[],
		options: { hubUrl: string; token: string; private: boolean; title: string; mayReplace: boolean },
		task: string,
		onProgress: (part: number) => void
	): Promise<string>;
	cancel(task: string): Promise<void>;
}
