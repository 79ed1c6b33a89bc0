import { packAdapter } from '#workers/adapters/pack.ts';
import { AdapterPool } from '#workers/adapters/pool.ts';
import { writeAdapter } from '#workers/adapters/write-adapter.ts';
import { AdapterLibrary, type AdapterBase } from '#workers/engine/adapter-library.ts';
import { uniform } from '#workers/generate/random.ts';
import { FileStore } from '#workers/models/store/file-store.ts';
import { NodeFolder } from '#workers/models/store/node-folder.ts';
import type { DeviceAdapter } from '#workers/runtime/decoder.ts';
import { mkdirSync } from 'node:fs';
import { inputsOf, randomAdapter } from './support/adapter.ts';
import { openShape } from './support/models.ts';
import { median, spread, time } from './support/statistics.ts';

const ADAPTERS = 1000;
const FEW = 5;
const RANK = 8;
const TOKENS = 64;
const REQUESTS = 20;
const RUNS = 7;
/** Requests drawn to fill the pools before the clock starts: four times what stays resident. */
const FILL = 600;
/** The engine's own budget (workers/engine/base.ts). */
const BUDGET = 256 * 2 ** 20;
const PROMPT = Array.from({ length: 16 }, (_, i) => 10 + i);

/**
 * Tokens a second when each request of 64 tokens takes one of 1,000 adapters on disk (Zipf, exponent 1), against the same
 * requests over 5 adapters, both pools full as they are after hours of use; requests alternate. Loading is part of the time.
 */
export async function run() {
	const { decoder, slots } = await openShape('nano');
	// Kept from run to run: writing them so that no crash loses one takes a minute or more.
	const directory = new URL(`../.cache/bench/pool-rank-${RANK}/`, import.meta.url).pathname;
	mkdirSync(directory, { recursive: true });
	const library = new AdapterLibrary(await FileStore.open(new NodeFolder(directory)));
	const base: AdapterBase = { name: 'bench', hashes: [], slots };
	const stored = await library.list(base, () => false);
	const ids = new Map(stored.map(({ name, id }) => [name, id]));
	for (let seed = 0; seed < ADAPTERS; seed++) {
		const name = String(seed);
		if (ids.has(name)) continue;
		ids.set(name, await library.import(writeAdapter(randomAdapter(slots, RANK, seed), 'F16'), { name }));
	}

	const loads: number[] = [];
	const draw = (count: number, pool: AdapterPool<DeviceAdapter>, seed: number, request: number) => {
		const id = ids.get(String(zipf(count, uniform(seed, request)))) as string;
		return pool.acquire(id, async () => {
			const start = performance.now();
			const adapter = decoder.upload(inputsOf(packAdapter(await library.read(id, base), slots), slots));
			loads.push(performance.now() - start);
			return adapter;
		});
	};
	const serve = async (count: number, pool: AdapterPool<DeviceAdapter>, seed: number, request: number) => {
		const lease = await draw(count, pool, seed, request);
		const state = decoder.createState();
		await decoder.run(state, [PROMPT], { adapters: [lease.adapter] });
		for (let token = 1; token < TOKENS; token++)
			await decoder.run(state, [[50 + token]], { adapters: [lease.adapter] });
		state.dispose();
		lease.release();
	};
	const many = new AdapterPool<DeviceAdapter>(BUDGET);
	const few = new AdapterPool<DeviceAdapter>(BUDGET);
	for (const [count, pool] of [
		[ADAPTERS, many],
		[FEW, few]
	] as const)
		// prettier-ignore
		for (let request = 0; request < FILL; request++) (await draw(count, pool, 0, request)).release();
	const compare = async (seed: number) => {
		const elapsed = { many: 0, few: 0 };
		for (let request = 0; request < REQUESTS; request++) {
			elapsed.many += await time(() => serve(ADAPTERS, many, seed, request));
			elapsed.few += await time(() => serve(FEW, few, seed, request));
		}
		return elapsed.few / elapsed.many;
	};
	await compare(RUNS + 1);
	const filled = many.stats;
	loads.length = 0;
	const ratios: number[] = [];
	for (let i = 1; i <= RUNS; i++) ratios.push(await compare(i));
	const { hits, misses, evictions, bytes } = many.stats;
	await decoder.dispose();
	return {
		thousand_over_five: median(ratios),
		spread: spread(ratios),
		shape: 'nano',
		rank: RANK,
		requests: REQUESTS,
		runs: RUNS,
		load_ms: { median: median(loads), spread: spread(loads) },
		pool: {
			hits: hits - filled.hits,
			misses: misses - filled.misses,
			evictions: evictions - filled.evictions,
			resident_bytes: bytes
		}
	};
}

/** Index drawn with probability ∝ 1 / (index + 1). */
function zipf(count: number, draw: number): number {
	let rest =
		draw * Array.from({ length: count }, (_, i) => 1 / (i + 1)).reduce((sum, weight) => sum + weight, 0);
	for (let index = 0; index < count; index++) {
		rest -= 1 / (index + 1);
		if (rest < 0) return index;
	}
	return count - 1;
}
