import type { OpenLedgerError } from '#workers/errors.ts';
import type { LoadProgress } from '#workers/protocol.ts';
import type {
	Estimate,
	RunPhase,
	RunSummary,
	SampleReply,
	StepPoint,
	TrainEvent,
	ValidationPoint
} from '#workers/train/api.ts';

/** A run that this tab is working on, as its events tell it. */
export class LiveRun {
	readonly id: string;
	readonly name: string;
	phase = $state<RunPhase>('queued');
	load = $state.raw<LoadProgress>();
	estimate = $state.raw<Estimate>();
	step = $state(0);
	steps = $state(0);
	tokensPerSecond = $state(0);
	secondsLeft = $state<number>();
	curve = $state.raw<StepPoint[]>([]);
	validation = $state.raw<ValidationPoint[]>([]);
	samples = $state.raw<SampleReply[]>([]);
	cautions = $state.raw<string[]>([]);
	/** Asked to stop or pause; the step under way is finished first. */
	leaving = $state<'pause' | 'stop'>();
	ended = $state(false);
	error = $state.raw<OpenLedgerError>();

	constructor({ id, name }: Pick<RunSummary, 'id' | 'name'>) {
		this.id = id;
		this.name = name;
	}

	/** What came of it is stored: it need not be held twice for as long as the tab is open. */
	forget(): void {
		this.curve = [];
		this.validation = [];
		this.samples = [];
	}

	on(event: TrainEvent): void {
		switch (event.type) {
			case 'phase':
				this.phase = event.phase;
				this.load = event.load;
				break;
			case 'ready':
				this.estimate = event.estimate;
				this.steps = event.estimate.steps;
				this.secondsLeft = event.estimate.seconds;
				break;
			case 'step':
				this.phase = 'train';
				this.step = event.step;
				this.steps = event.steps;
				this.tokensPerSecond = event.tokensPerSecond;
				this.secondsLeft = event.secondsLeft;
				this.curve = [...this.curve, event];
				break;
			case 'validation':
				this.validation = [...this.validation, event];
				break;
			case 'sample':
				this.samples = [...this.samples, event];
				break;
			case 'caution':
				this.cautions = [...new Set([...this.cautions, event.text])];
		}
	}
}

/** In the person's words: what is being done. */
export const PHASES: Record<RunPhase, string> = {
	queued: 'Waits for another run',
	model: 'Getting the base model',
	rows: 'Reading the rows',
	graph: 'Preparing the base for training',
	calibrate: 'Measuring this device',
	train: 'Learning',
	validate: 'Checking on rows it has not seen',
	sample: 'Answering your questions',
	save: 'Saving'
};
