import type { LoadProgress } from '#workers/protocol.ts';

const windowMs = 5000;
const reportMs = 100;

/** Counts bytes and tells about them ten times a second at most: speed over the last seconds, and the time left. */
export class ProgressMeter {
	readonly #tell: (progress: LoadProgress) => void;
	readonly #now: () => number;
	/** Network bytes in total at a moment; the first is the oldest in the window. */
	readonly #samples: { at: number; bytes: number }[] = [];
	#received = 0;
	#told = -Infinity;

	constructor(tell: (progress: LoadProgress) => void, now: () => number = () => performance.now()) {
		this.#tell = tell;
		this.#now = now;
	}

	/**
	 * @param received bytes that came over the network since the last call: only they count for the speed
	 * @param urgent tell now
	 */
	update(progress: LoadProgress, { received = 0, urgent = false } = {}): void {
		const at = this.#now();
		this.#received += received;
		const last = this.#samples.at(-1);
		if (!last || at - last.at >= reportMs) this.#samples.push({ at, bytes: this.#received });
		else last.bytes = this.#received;
		while (this.#samples.length > 2 && at - (this.#samples[1]?.at ?? at) > windowMs) this.#samples.shift();
		if (!urgent && at - this.#told < reportMs) return;
		this.#told = at;
		this.#tell({ ...progress, ...this.#speed(at, progress) });
	}

	#speed(at: number, { bytesDone, bytesTotal }: LoadProgress): Partial<LoadProgress> {
		const first = this.#samples[0];
		const milliseconds = first ? at - first.at : 0;
		// Before that it would be a guess that jumps.
		if (!first || milliseconds < 1000) return {};
		const bytesPerSecond = ((this.#received - first.bytes) / milliseconds) * 1000;
		if (bytesPerSecond === 0 || bytesDone === undefined || bytesTotal === undefined)
			return { bytesPerSecond };
		return { bytesPerSecond, secondsLeft: (bytesTotal - bytesDone) / bytesPerSecond };
	}
}
