/** Kinds of reward keys: the top three bits of a uint32 (contracts/src/libraries/Keys.sol). */
const ID_BITS = 29;

export const kinds = {
	person: 0,
	model: 1,
	datanet: 2,
	modelPool: 3,
	hostPool: 4,
	auditors: 5,
	treasury: 6
} as const;

export type KeyKind = keyof typeof kinds;

/** The reward key of `id` (a contributor, model or Datanet id; 0 for the auditors and the treasury). */
export function rewardKey(kind: KeyKind, id = 0): number {
	if (!Number.isInteger(id) || id < 0 || id >= 2 ** ID_BITS) throw new RangeError(`no id: ${id}`);
	return kinds[kind] * 2 ** ID_BITS + id;
}

/** Kind and id of a reward key. */
export function readKey(key: number): { kind: KeyKind; id: number } {
	const number = Math.floor(key / 2 ** ID_BITS);
	const kind = (Object.keys(kinds) as KeyKind[]).find((name) => kinds[name] === number);
	if (!kind) throw new RangeError(`no reward key: ${key}`);
	return { kind, id: key % 2 ** ID_BITS };
}
