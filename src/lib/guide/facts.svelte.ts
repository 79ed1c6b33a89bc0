import type { OpenLedgerError } from '#workers/errors.ts';
import type { AdapterEntry } from '#workers/protocol.ts';
import type { RunState } from '#workers/train/api.ts';
import { rewardKey } from '../../../contracts/client/keys.ts';
import { indexes } from '../attribution/indexes.svelte.ts';
import { inspector } from '../attribution/inspector.svelte.ts';
import { session } from '../chain/session.svelte.ts';
import { db as datanets } from '../datanets/db.svelte.ts';
import type { Engine } from '../engine/engine.svelte.ts';
import { trainer } from '../factory/trainer.svelte.ts';
import { waitingOf } from '../ledger/duties.ts';
import type { LedgerRoom } from '../ledger/ledger-room.svelte.ts';
import { Live } from '../live.svelte.ts';
import { preferences } from '../preferences.svelte.ts';
import { repliesOf, type GuideReply, type Replies } from './replies.ts';
import { ENOUGH, type GuideFacts } from './steps.ts';

/** OPEN that cover a reply at the price of the path and the bond of a root. Wei. */
const SPARE = 5n * 10n ** 18n;

/** Everything that the path goes by, read where it happens. Make one where a component starts. */
export class GuideState {
	readonly #engine: Engine;
	readonly #datanet: Live<{ id: string; rows: number } | null>;
	readonly #reply: Live<Replies>;
	#room = $state.raw<LedgerRoom>();

	constructor(engine: Engine) {
		this.#engine = engine;
		this.#datanet = new Live(() => {
			const { datanet: id } = this.#stored;
			return async () => {
				const record = id ? await datanets.datanets.get(id) : undefined;
				return record ? { id: record.id, rows: record.count } : null;
			};
		});
		this.#reply = new Live(() => {
			const { id } = this.adapter ?? {};
			const { seen, since } = this.#stored;
			return async () => (id ? repliesOf(id, seen, since) : { seen: false, settled: false });
		});
		$effect(() => {
			if (this.datanet && !this.adapter && this.#enough) void trainer.refresh();
		});
		$effect(() => {
			if (this.adapter) void indexes.refresh().catch(() => undefined);
		});
		$effect(() => {
			const { reply } = this;
			const { guide } = preferences.values;
			const isSeen = this.#reply.value?.seen;
			if (guide && !isSeen && reply?.measured && inspector.reply === reply.id) guide.seen = reply.id;
		});
	}

	get #stored(): NonNullable<typeof preferences.values.guide> {
		return preferences.values.guide ?? { open: false };
	}

	get #enough(): boolean {
		return (this.#datanet.value?.rows ?? 0) >= ENOUGH;
	}

	/** False until the first look: nothing is claimed before. */
	get known(): boolean {
		return this.#datanet.value !== undefined && this.#reply.value !== undefined;
	}

	/** Id of the Datanet; undefined where it is not there any more. */
	get datanet(): string | undefined {
		return this.#datanet.value?.id;
	}

	/** The newest run on it. */
	get run(): { id: string; state: NonNullable<GuideFacts['run']> } | undefined {
		const stored = trainer.runs?.find(({ sources }) =>
			sources.some(({ datanet }) => datanet === this.datanet)
		);
		if (!stored) return undefined;
		const live = trainer.live.get(stored.id);
		if (live && !live.ended) return { id: stored.id, state: 'working' };
		const states: Record<RunState, NonNullable<GuideFacts['run']>> = {
			running: 'working',
			paused: 'waiting',
			interrupted: 'waiting',
			finished: 'done',
			stopped: 'done',
			failed: 'failed'
		};
		return { id: stored.id, state: states[stored.state] };
	}

	/** What it became, the newest. */
	get adapter(): AdapterEntry | undefined {
		const { datanet } = this;
		return datanet
			? this.#engine.adapters.list.findLast((entry) => entry.datanets.some(({ id }) => id === datanet))
			: undefined;
	}

	get reply(): GuideReply | undefined {
		return this.#reply.value?.reply;
	}

	/** Why the books could not be read. */
	get trouble(): OpenLedgerError | undefined {
		return this.#room?.error;
	}

	/** The chain is begun only for the steps that need it. */
	get needsBooks(): boolean {
		return this.adapter !== undefined && session.sandbox;
	}

	read = (room: LedgerRoom) => {
		this.#room = room;
	};

	get facts(): GuideFacts {
		const { adapter, reply } = this;
		const view = this.#room?.view;
		const model = view?.summary.models.find(({ hash }) => hash.slice(2) === adapter?.files.weights);
		const claims = this.#room?.claimCalls() ?? [];
		const key = model && rewardKey('model', model.id);
		const summary = view?.summary;
		const bond = summary?.rules?.bond ?? 0n;
		return {
			rows: this.#datanet.value?.rows,
			run: this.run?.state,
			adapter: adapter !== undefined,
			indexed: adapter !== undefined && (indexes.facts?.has(adapter.id) ?? false),
			registered: model !== undefined,
			play: session.sandbox,
			reply: reply && (reply.measured ? 'measured' : 'measuring'),
			seen: this.#reply.value?.seen ?? false,
			settled: this.#reply.value?.settled ?? false,
			claimed: view?.claims.some((claim) => claim.key === key && claim.claimed > 0n) ?? false,
			books: view &&
				summary && {
					covers: (view.account?.free ?? 0n) >= bond + SPARE,
					unposted: waitingOf(summary) > 0,
					waiting: summary.pending.length > 0,
					ripe: summary.ripe.length > 0,
					claimable: claims.length > 0
				}
		};
	}
}
