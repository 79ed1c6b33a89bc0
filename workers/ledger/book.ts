import { bytesToHex, zeroHash, type Address, type Hex } from 'viem';
import { rewardKey } from '../../contracts/client/keys.ts';
import { splitAround } from '../../contracts/client/split.ts';
import { RewardTree, type Keccak } from '../../contracts/client/tree.ts';
import type { RulesParams } from '../../contracts/deploy/params.ts';
import { OpenLedgerError } from '../errors.ts';
import {
	readEvent,
	readSettled,
	settledTopic,
	type LedgerEvent,
	type Settled,
	type Source
} from './events.ts';
import type { Log } from './logs.ts';
import { nonsense } from './rpc.ts';
import { hashSettled, takeUp } from './running-hash.ts';
import { Sums, WeightList } from './sums.ts';

/** What the batches on one model in one stretch earned whom: parallel lists, ascending in reward key. Wei. */
export interface Cell {
	model: number;
	keys: number[];
	wei: bigint[];
}

/** A run of batches of one day that no checkpoint cuts. Its rewards leave the poster's part with the treasury. */
export interface Stretch {
	first: number;
	last: number;
	/** Days since the epoch, UTC. */
	day: number;
	fromBlock: number;
	toBlock: number;
	/** Sum of what was paid. Wei. */
	amount: bigint;
	/** What of it is the poster's if the checkpoint names one. Wei. */
	posterPart: bigint;
	/** The batches' hashes, 32 bytes each. */
	hashes: Uint8Array;
	cells: Cell[];
}

export interface Checkpoint {
	id: number;
	parent: number;
	poster: Address;
	/** Whom the poster's part of its batches pays; 0 for nobody. */
	posterId: number;
	first: number;
	last: number;
	/** After its last batch. */
	root: Hex;
	/** After each of its batches; empty once it is final. */
	roots: Hex[];
	block: number;
	/** Seconds since the epoch; it can be refuted before this. */
	deadline: number;
	/** What its poster put at stake. Wei. */
	bond: bigint;
	refuted: boolean;
	/** What our own arithmetic says of `root`; absent while its parent is wrong or unknown. */
	verdict?: 'right' | 'wrong';
}

export interface ModelRecord {
	id: number;
	owner: Address;
	/** 0: this is a base model. */
	base: number;
	parent: number;
	hash: Hex;
	manifest: Hex;
	index: Hex;
	sources: Source[];
	/** Wei for 1,000 tokens. */
	price: bigint;
	/** Tokens a day that a payer may use without a deposit. */
	allowance: bigint;
	/** 0 active, 1 paused, 2 retired. */
	status: number;
	location: string;
}

export interface DatanetRecord {
	id: number;
	curator: Address;
	name: string;
	/** Sum of static units. */
	units: bigint;
	/** Contributor → static units. */
	holdings: Map<number, bigint>;
}

/** All that the books know, as plain data that can be stored. */
export interface BookState {
	/** Everything up to this block is in. -1 before the first. */
	block: number;
	blockHash: string;
	batches: number;
	/** Running hash over all batches, as the core keeps it. */
	chain: Uint8Array;
	/** Owner of contributor i + 1. */
	owners: Address[];
	models: ModelRecord[];
	datanets: DatanetRecord[];
	/** Version i + 1. */
	rules: { since: number; params: RulesParams }[];
	/** Which version splits the batches after a batch. */
	inForce: { after: number; version: number }[];
	checkpoints: Map<number, Checkpoint>;
	/** The final checkpoint, 0 before the first. */
	finalised: number;
	/** Set when a checkpoint became final whose root is not what its batches earned. */
	betrayed?: number;
	/** Cumulative rewards at the final checkpoint. */
	totals: Map<number, bigint>;
	/** Key → wei claimed so far. */
	claimed: Map<number, bigint>;
	/** Key → wei earned by posting, a part of `totals`. */
	posted: Map<number, bigint>;
	/** After the final checkpoint's last batch. */
	stretches: Stretch[];
}

export function emptyState(): BookState {
	return {
		block: -1,
		blockHash: '',
		batches: 0,
		chain: new Uint8Array(32),
		owners: [],
		models: [],
		datanets: [],
		rules: [],
		inForce: [],
		checkpoints: new Map(),
		finalised: 0,
		totals: new Map(),
		claimed: new Map(),
		posted: new Map(),
		stretches: []
	};
}

/** A stretch while batches still come in. */
interface Open {
	first: number;
	day: number;
	fromBlock: number;
	toBlock: number;
	amount: bigint;
	posterPart: bigint;
	hashes: Uint8Array[];
	cells: Map<number, { people: Sums; others: Map<number, bigint> }>;
}

/** Two things that the chain says cannot both be true: something was left out, or the chain moved while it was read. */
export function inconsistent(what: string): OpenLedgerError {
	return new OpenLedgerError('ledger/inconsistent', `The network's answers do not add up: ${what}.`, {
		remedy: 'The books are made anew. If it stays so, choose another RPC address.'
	});
}

/**
 * The books: everything that the settlements of a chain earned whom, from its events alone, in integers. Feed it every
 * log of the contracts in order (`apply`); ask it afterwards.
 */
export class Book {
	readonly state: BookState;
	/** Batches after which a stretch must end, because a checkpoint does. Known before the batches are applied. */
	readonly cuts = new Set<number>();
	/** Stretches that fell behind the final checkpoint since they were last fetched: for the store. */
	#finished: Stretch[] = [];
	#open?: Open;
	#tree: RewardTree;
	readonly #weights = new WeightList();
	readonly #keccak: Keccak;

	constructor(state: BookState, keccak: Keccak) {
		this.state = state;
		this.#keccak = keccak;
		this.#tree = new RewardTree(keccak);
		this.#tree.add(state.totals);
		for (const { last } of state.checkpoints.values()) this.cuts.add(last);
	}

	apply(log: Log): void {
		if (log.topics[0] === settledTopic) return this.#settle(readSettled(log), log);
		const event = readEvent(log);
		if (event) this.#apply(event, log);
	}

	/** Ends the stretch that is open, so that `state` holds everything that was applied. */
	close(): void {
		const open = this.#open;
		if (!open) return;
		this.#open = undefined;
		const hashes = new Uint8Array(32 * open.hashes.length);
		open.hashes.forEach((hash, i) => hashes.set(hash, 32 * i));
		const cells = [...open.cells].map(([model, { people, others }]) => cellOf(model, people, others));
		const { first, day, fromBlock, toBlock, amount, posterPart } = open;
		this.state.stretches.push({
			first,
			last: first + open.hashes.length - 1,
			day,
			fromBlock,
			toBlock,
			amount,
			posterPart,
			hashes,
			cells
		});
	}

	/** Stretches that became final and are not in the store yet. */
	get unsaved(): readonly Stretch[] {
		return this.#finished;
	}

	/** The same, once: they are about to be stored. */
	takeFinished(): Stretch[] {
		const finished = this.#finished;
		this.#finished = [];
		return finished;
	}

	/** The rules that split a batch. */
	rulesOf(batch: number): { version: number; params: RulesParams } {
		const found = this.state.inForce.findLast(({ after }) => after < batch);
		const params = found && this.state.rules[found.version - 1]?.params;
		if (!params) throw nonsense('a settlement before any rules');
		return { version: found.version, params };
	}

	/** What a split needs to know of a model. */
	lineage(model: number): { base: number; sources: Source[] } {
		const record = this.state.models[model - 1];
		if (!record) throw inconsistent(`model ${model} was paid and never registered`);
		return record;
	}

	/** Rewards of the batches after a checkpoint up to a later one that continues it, with the poster's part where it belongs. */
	rewardsBetween(after: number, last: number, posterId: number): Map<number, bigint> {
		const sum = new Map<number, bigint>();
		const give = (key: number, wei: bigint) => sum.set(key, (sum.get(key) ?? 0n) + wei);
		for (const stretch of this.state.stretches) {
			if (stretch.last <= after || stretch.first > last) continue;
			if (stretch.first <= after || stretch.last > last)
				throw new Error(`stretch ${stretch.first} to ${stretch.last} is not cut at ${after} and ${last}`);
			for (const { keys, wei } of stretch.cells) keys.forEach((key, i) => give(key, wei[i] ?? 0n));
			if (posterId !== 0 && stretch.posterPart > 0n) {
				give(posterId, stretch.posterPart);
				give(rewardKey('treasury'), -stretch.posterPart);
			}
		}
		return sum;
	}

	/** Checkpoints from the first after the final one to `id`; undefined where `id` does not continue the final one. */
	lineTo(id: number): Checkpoint[] | undefined {
		const line: Checkpoint[] = [];
		for (let at = id; at !== this.state.finalised;) {
			const checkpoint = this.state.checkpoints.get(at);
			if (!checkpoint || checkpoint.id <= this.state.finalised) return undefined;
			line.unshift(checkpoint);
			at = checkpoint.parent;
		}
		return line;
	}

	/**
	 * Calls `work` with the reward tree as it is after checkpoint `id` (the final one, or one that continues it), by our
	 * own arithmetic whatever was posted. The tree goes back afterwards, so `work` must leave it as it was; one call at a time.
	 */
	async withTreeAt<T>(id: number, work: (tree: RewardTree) => T | Promise<T>): Promise<T> {
		const line = this.lineTo(id);
		if (!line) throw new Error(`checkpoint ${id} does not continue the final one`);
		const added = line.map(({ first, last, posterId }) => this.rewardsBetween(first - 1, last, posterId));
		for (const rewards of added) this.#tree.add(rewards);
		try {
			return await work(this.#tree);
		} finally {
			for (const rewards of added) this.#tree.add([...rewards].map(([key, wei]) => [key, -wei] as const));
		}
	}

	/** Compares every posted root that can still matter with our own. */
	async verify(): Promise<void> {
		for (const checkpoint of this.state.checkpoints.values()) {
			if (checkpoint.verdict || checkpoint.id <= this.state.finalised || checkpoint.refuted) continue;
			const parent = this.state.checkpoints.get(checkpoint.parent);
			const sound =
				checkpoint.parent === this.state.finalised ? !this.state.betrayed : parent?.verdict === 'right';
			if (!sound || !this.lineTo(checkpoint.id)) continue;
			const root = await this.withTreeAt(checkpoint.id, (tree) => tree.root());
			checkpoint.verdict = root === checkpoint.root ? 'right' : 'wrong';
		}
	}

	#settle(settled: Settled, { block, time }: Log): void {
		const { state } = this;
		const { id, model, host, amount, leaves } = settled;
		if (id !== state.batches + 1) throw inconsistent(`settlement ${state.batches + 1} is missing`);
		if (host > state.owners.length) throw inconsistent(`host ${host} served and never registered`);
		const { version, params } = this.rulesOf(id);
		const { base, sources } = this.lineage(model);
		const day = Math.floor(time / 86_400);
		if (this.#open && this.#open.day !== day) this.close();
		this.#open ??= {
			first: id,
			day,
			fromBlock: block,
			toBlock: block,
			amount: 0n,
			posterPart: 0n,
			hashes: [],
			cells: new Map()
		};
		const open = this.#open;
		let cell = open.cells.get(model);
		if (!cell) open.cells.set(model, (cell = { people: new Sums(), others: new Map() }));
		const { people, others } = cell;

		const rewards = splitAround(
			{ shares: params, sources, model, base, host, poster: 0, amount },
			(weighted, ceiling) => {
				if (leaves.length === 0) return 0n;
				try {
					return people.add(this.#weights.read(leaves, state.owners.length), weighted, ceiling);
				} catch (cause) {
					if (!(cause instanceof RangeError)) throw cause;
					throw nonsense('leaves that the contract refuses', { batch: id });
				}
			}
		);
		for (const [key, wei] of rewards) others.set(key, (others.get(key) ?? 0n) + wei);
		open.amount += amount;
		open.posterPart += (amount * BigInt(params.poster)) / 10_000n;
		open.toBlock = block;
		const hash = hashSettled(settled, time, version, this.#keccak);
		open.hashes.push(hash);
		state.chain = takeUp(state.chain, hash, this.#keccak);
		state.batches = id;
		if (this.cuts.has(id)) this.close();
	}

	#apply(event: LedgerEvent, log: Log): void {
		const { state } = this;
		switch (event.name) {
			case 'ContributorRegistered':
			case 'ContributorMoved': {
				const known = event.name === 'ContributorRegistered' ? state.owners.length + 1 : event.id;
				if (event.id !== known || known > state.owners.length + 1)
					throw inconsistent(`contributor ${event.id}`);
				state.owners[event.id - 1] = event.owner;
				return;
			}
			case 'RulesSet':
				if (event.version !== state.rules.length + 1)
					throw inconsistent(`version ${event.version} of the rules`);
				state.rules.push({ since: event.since, params: event.params });
				return;
			case 'RulesInForce':
				if (state.inForce.at(-1)?.version !== event.version)
					state.inForce.push({ after: state.batches, version: event.version });
				return;
			case 'DatanetCreated': {
				if (event.id !== state.datanets.length + 1) throw inconsistent(`Datanet ${event.id}`);
				const { id, curator, title } = event;
				state.datanets.push({ id, curator, name: title, units: 0n, holdings: new Map() });
				return;
			}
			case 'UnitsGranted': {
				const datanet = state.datanets[event.id - 1];
				if (!datanet) throw inconsistent(`Datanet ${event.id}`);
				datanet.units = event.total;
				datanet.holdings.set(event.contributor, event.units);
				return;
			}
			case 'ModelRegistered': {
				if (event.id !== state.models.length + 1) throw inconsistent(`model ${event.id}`);
				const { name: _, ...record } = event;
				state.models.push({ ...record, price: 0n, allowance: 0n, status: 0, location: '' });
				return;
			}
			case 'ModelTerms': {
				const model = state.models[event.id - 1];
				if (!model) throw inconsistent(`model ${event.id}`);
				const { price, allowance, status, location } = event;
				Object.assign(model, { price, allowance, status, location });
				return;
			}
			case 'ModelMoved': {
				const model = state.models[event.id - 1];
				if (!model) throw inconsistent(`model ${event.id}`);
				model.owner = event.owner;
				return;
			}
			case 'CheckpointPosted':
				return this.#post(event, log);
			case 'CheckpointRefuted': {
				const checkpoint = state.checkpoints.get(event.id);
				if (!checkpoint) throw inconsistent(`checkpoint ${event.id}`);
				checkpoint.refuted = true;
				return;
			}
			case 'CheckpointFinalised':
				return this.#finalise(event.id);
			case 'Claimed':
				state.claimed.set(event.key, (state.claimed.get(event.key) ?? 0n) + event.amount);
		}
	}

	#post(event: Extract<LedgerEvent, { name: 'CheckpointPosted' }>, { block, time }: Log): void {
		const { state } = this;
		const { id, parent, poster, posterId, last, roots } = event;
		const before = parent === 0 ? 0 : state.checkpoints.get(parent)?.last;
		const root = roots.at(-1);
		if (before === undefined || before + roots.length !== last || last > state.batches || !root)
			throw inconsistent(`checkpoint ${id}`);
		const { window, bond } = this.rulesOf(state.batches + 1).params;
		const deadline = time + window;
		const refuted = false;
		state.checkpoints.set(id, {
			id,
			parent,
			poster,
			posterId,
			first: before + 1,
			last,
			root,
			roots,
			block,
			deadline,
			refuted,
			bond
		});
		this.cuts.add(last);
	}

	/** Moves the cumulative rewards on to checkpoint `id`, and what fell behind it to the store. */
	#finalise(id: number): void {
		const { state } = this;
		const checkpoint = state.checkpoints.get(id);
		if (!checkpoint || checkpoint.parent !== state.finalised) throw inconsistent(`checkpoint ${id}`);
		this.close();
		const { first, last, posterId } = checkpoint;
		const rewards = this.rewardsBetween(first - 1, last, posterId);
		this.#tree.add(rewards);
		state.totals = new Map([...this.#tree.entries()].filter(([, wei]) => wei > 0n));
		checkpoint.verdict = this.#tree.root() === checkpoint.root ? 'right' : 'wrong';
		if (checkpoint.verdict === 'wrong') state.betrayed ??= id;
		if (posterId !== 0) {
			const done = state.stretches.filter((stretch) => stretch.last <= last);
			const earned = done.reduce((sum, { posterPart }) => sum + posterPart, 0n);
			state.posted.set(posterId, (state.posted.get(posterId) ?? 0n) + earned);
		}
		this.#finished.push(...state.stretches.filter((stretch) => stretch.last <= last));
		state.stretches = state.stretches.filter((stretch) => stretch.last > last);
		state.finalised = id;
		// What cannot become final any more needs its roots no longer.
		for (const old of state.checkpoints.values()) if (old.id === id || old.last <= last) old.roots = [];
	}

	/** Hex of the running hash. */
	get chainHash(): Hex {
		return this.state.batches === 0 ? zeroHash : bytesToHex(this.state.chain);
	}
}

function cellOf(model: number, people: Sums, others: Map<number, bigint>): Cell {
	const rewards = new Map(people.entries());
	for (const [key, wei] of others) rewards.set(key, (rewards.get(key) ?? 0n) + wei);
	const entries = [...rewards].sort(([a], [b]) => a - b);
	return { model, keys: entries.map(([key]) => key), wei: entries.map(([, wei]) => wei) };
}
