import { decodeEventLog, encodeEventTopics, type Abi, type AbiEvent, type Address, type Hex } from 'viem';
import { datanetsAbi } from '../../contracts-abi/abi/Datanets.ts';
import { modelsAbi } from '../../contracts-abi/abi/Models.ts';
import { rulesAbi } from '../../contracts-abi/abi/Rules.ts';
import { settlementAbi } from '../../contracts-abi/abi/Settlement.ts';
import type { RulesParams } from '../../contracts/deploy/params.ts';
import type { Log } from './logs.ts';
import { nonsense } from './rpc.ts';

/** One settlement as its log tells it. */
export interface Settled {
	payer: Address;
	model: number;
	id: number;
	/** Contributor id of who served, 0 for the payer's own device. */
	host: number;
	/** Wei. */
	amount: bigint;
	nonce: number;
	transcripts: Hex;
	/** Three-byte steps; empty for a private batch. */
	leaves: Uint8Array;
}

export interface Source {
	datanet: number;
	version: number;
	/** In 1/10,000. */
	share: number;
}

/** The events that decide who earned what, and what things are called. Numbers that fit are numbers, amounts bigints. */
export type LedgerEvent =
	| { name: 'ContributorRegistered' | 'ContributorMoved'; id: number; owner: Address }
	| {
			name: 'CheckpointPosted';
			id: number;
			parent: number;
			poster: Address;
			posterId: number;
			last: number;
			roots: Hex[];
	  }
	| { name: 'CheckpointRefuted'; id: number; index: number; by: Address }
	| { name: 'CheckpointFinalised'; id: number; root: Hex; last: number }
	| { name: 'Claimed'; key: number; to: Address; amount: bigint }
	| { name: 'RulesSet'; version: number; since: number; params: RulesParams }
	| { name: 'RulesInForce'; version: number }
	| { name: 'DatanetCreated'; id: number; curator: Address; title: string }
	| { name: 'UnitsGranted'; id: number; contributor: number; units: bigint; total: bigint }
	| {
			name: 'ModelRegistered';
			id: number;
			owner: Address;
			base: number;
			parent: number;
			hash: Hex;
			manifest: Hex;
			index: Hex;
			sources: Source[];
	  }
	| { name: 'ModelTerms'; id: number; price: bigint; allowance: bigint; status: number; location: string }
	| { name: 'ModelMoved'; id: number; owner: Address };

const wanted: { abi: Abi; names: string[] }[] = [
	{
		abi: settlementAbi as Abi,
		names: [
			'ContributorRegistered',
			'ContributorMoved',
			'CheckpointPosted',
			'CheckpointRefuted',
			'CheckpointFinalised',
			'Claimed',
			'RulesInForce'
		]
	},
	{ abi: rulesAbi as Abi, names: ['RulesSet'] },
	{ abi: datanetsAbi as Abi, names: ['DatanetCreated', 'UnitsGranted'] },
	{ abi: modelsAbi as Abi, names: ['ModelRegistered', 'ModelTerms', 'ModelMoved'] }
];

/** First topic → the event's description. */
const described = new Map<Hex, AbiEvent>();
for (const { abi, names } of wanted)
	for (const item of abi)
		if (item.type === 'event' && names.includes(item.name)) described.set(topicOf(abi, item.name), item);

export function topicOf(abi: Abi, name: string): Hex {
	return encodeEventTopics({ abi, eventName: name })[0] as Hex;
}

export const settledTopic = topicOf(settlementAbi as Abi, 'Settled');

/** Events of posting, refuting and finalising, by which the batches are cut into stretches. */
export const checkpointTopics = ['CheckpointPosted', 'CheckpointRefuted', 'CheckpointFinalised'].map((name) =>
	topicOf(settlementAbi as Abi, name)
);

/** Every first topic that `readEvent` and `readSettled` understand. */
export const ledgerTopics: Hex[] = [settledTopic, ...described.keys()];

/** An event other than Settled; undefined for one that the books do not need. */
export function readEvent(log: Log): LedgerEvent | undefined {
	const event = described.get(log.topics[0] as Hex);
	if (!event) return undefined;
	try {
		const topics = log.topics as [Hex, ...Hex[]];
		const { args } = decodeEventLog({ abi: [event], topics, data: log.data, strict: true });
		const plain: Record<string, unknown> = {};
		for (const { name, type } of event.inputs) {
			const value = (args as unknown as Record<string, unknown>)[name as string];
			// A Datanet's name would hide the event's own.
			plain[name === 'name' ? 'title' : (name as string)] = narrow(type, name, value);
		}
		return { ...plain, name: event.name } as LedgerEvent;
	} catch (cause) {
		if (!(cause instanceof Error)) throw cause;
		throw nonsense(`a ${event.name} that cannot be read`);
	}
}

/** Ids, versions and counters come as bigints where they are wider than 48 bits; they are numbers here. */
function narrow(type: string, name: string | undefined, value: unknown): unknown {
	const counted = ['id', 'parent', 'last', 'index', 'version', 'since', 'posterId', 'key', 'contributor'];
	if (typeof value === 'bigint' && type.startsWith('uint') && counted.includes(name ?? ''))
		return Number(value);
	return value;
}

const word = (data: string, i: number) => data.slice(2 + 64 * i, 66 + 64 * i);

/** Settled, read by hand: a month has thirty thousand of them with three thousand bytes of leaves each. */
export function readSettled(log: Log): Settled {
	const { data, topics } = log;
	const length = Number.parseInt(word(data, 6), 16);
	const padded = 64 * 7 + 64 * Math.ceil(length / 32) + 2;
	if (topics.length !== 3 || Number(`0x${word(data, 5)}`) !== 0xc0 || !(data.length === padded))
		throw nonsense('a settlement that cannot be read', { block: log.block });
	const settled = {
		payer: `0x${(topics[1] as Hex).slice(26)}` as Address,
		model: Number(topics[2]),
		id: Number(`0x${word(data, 0)}`),
		host: Number(`0x${word(data, 1)}`),
		amount: BigInt(`0x${word(data, 2)}`),
		nonce: Number(`0x${word(data, 3)}`),
		transcripts: `0x${word(data, 4)}` as Hex,
		leaves: readHex(data, 2 + 64 * 7, length)
	};
	if (![settled.model, settled.id, settled.host, settled.nonce].every(Number.isSafeInteger))
		throw nonsense('a settlement with impossible numbers', { block: log.block });
	return settled;
}

const digits = new Uint8Array(128).fill(255);
for (let i = 0; i < 16; i++) {
	digits[i.toString(16).charCodeAt(0)] = i;
	digits[i.toString(16).toUpperCase().charCodeAt(0)] = i;
}

/** `length` bytes out of a hexadecimal string from a place on. */
function readHex(text: string, from: number, length: number): Uint8Array {
	const bytes = new Uint8Array(length);
	let seen = 0;
	for (let i = 0, at = from; i < length; i++, at += 2) {
		const high = digits[text.charCodeAt(at) & 127] as number;
		const low = digits[text.charCodeAt(at + 1) & 127] as number;
		seen |= high | low;
		bytes[i] = (high << 4) | low;
	}
	if (seen > 15) throw nonsense('leaves that are no hexadecimal digits');
	return bytes;
}
