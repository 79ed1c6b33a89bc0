/** The steps of the guided path, in their order. */
export const STEPS = ['rows', 'train', 'register', 'ask', 'share', 'settle', 'claim'] as const;

export type StepId = (typeof STEPS)[number];

/** Rows that the path begins with. */
export const ENOUGH = 3;

/** What there is, of one Datanet and what came of it; the path goes by nothing else. */
export interface GuideFacts {
	/** Rows of the Datanet; undefined where there is none. */
	rows?: number;
	/** The newest run on it, where none was kept as an adapter yet. */
	run?: 'working' | 'waiting' | 'failed' | 'done';
	/** An adapter was kept, and its rows were measured. */
	adapter: boolean;
	indexed: boolean;
	/** It is registered on this network. */
	registered: boolean;
	/** In play; where a wallet pays, the path stops. */
	play: boolean;
	/** The newest reply of it that owes something. */
	reply?: 'measuring' | 'measured';
	seen: boolean;
	settled: boolean;
	claimed: boolean;
	/** What the books say; absent while they are read. */
	books?: {
		/** The prepaid balance covers a reply, and the bond of a root. */
		covers: boolean;
		/** Payments are in no root; a root waits for its window; its window is over; something can be claimed. */
		unposted: boolean;
		waiting: boolean;
		ripe: boolean;
		claimable: boolean;
	};
}

/** What is to be done now. */
export type Task =
	| 'begin'
	| 'add'
	| 'choose'
	| 'resume'
	| 'training'
	| 'keep'
	| 'measuring'
	| 'sandbox'
	| 'reading'
	| 'register'
	| 'deposit'
	| 'ask'
	| 'weighing'
	| 'look'
	| 'pay'
	| 'post'
	| 'wait'
	| 'finalise'
	| 'claim'
	| 'end';

/** Whether each step is done. One that was done and undone (a Datanet deleted, the sandbox begun anew) is to be done again. */
export function doneOf(facts: GuideFacts): Record<StepId, boolean> {
	return {
		rows: (facts.rows ?? 0) >= ENOUGH || facts.adapter,
		train: facts.adapter && (facts.indexed || facts.registered),
		register: facts.registered,
		ask: facts.reply === 'measured',
		share: facts.seen,
		settle: facts.settled,
		claim: facts.claimed
	};
}

/** The first step that is not done, and what of it is to be done now. */
export function placeOf(facts: GuideFacts): { step: StepId | undefined; task: Task } {
	const done = doneOf(facts);
	const step = STEPS.find((each) => !done[each]);
	return { step, task: step ? taskOf(step, facts) : 'end' };
}

function taskOf(step: StepId, facts: GuideFacts): Task {
	const { rows, run, adapter, play, books, reply } = facts;
	if (step === 'rows') return rows === undefined ? 'begin' : 'add';
	if (step === 'train') {
		if (adapter) return 'measuring';
		const tasks = { working: 'training', waiting: 'resume', failed: 'choose', done: 'keep' } as const;
		return run ? tasks[run] : 'choose';
	}
	if (!play) return 'sandbox';
	if (step === 'share') return 'look';
	if (!books) return 'reading';
	if (step === 'register') return 'register';
	if (step === 'ask') return reply ? 'weighing' : books.covers ? 'ask' : 'deposit';
	if (step === 'settle') return 'pay';
	if (books.claimable) return 'claim';
	if (books.ripe) return 'finalise';
	if (books.waiting) return 'wait';
	if (!books.unposted) return 'reading';
	return books.covers ? 'post' : 'deposit';
}
