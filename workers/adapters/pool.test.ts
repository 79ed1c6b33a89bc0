import { describe, expect, it } from 'vitest';
import { seededRandom } from '#test/support/random.ts';
import { AdapterPool, type AdapterLease, type Loaded, type ServeGraph } from './pool.ts';

const graph: ServeGraph = { id: 'base', slots: [] };
const other: ServeGraph = { id: 'other', slots: [] };

interface Copy {
	id: string;
	graph: string;
	disposed: boolean;
}

/** A pool over adapters of 10 bytes each, with every load noted; loads wait while `gate` is pending. */
function fixture({ budgetBytes = 30 } = {}) {
	const loads: Copy[] = [];
	const control = { gate: Promise.resolve() as Promise<void>, fail: false };
	const pool = new AdapterPool<Copy>({
		budgetBytes,
		async load(id, { id: graphId }): Promise<Loaded<Copy>> {
			const value = { id, graph: graphId, disposed: false };
			loads.push(value);
			await control.gate;
			if (control.fail) throw new Error(`cannot load ${id}`);
			return { value, bytes: 10, dispose: () => (value.disposed = true) };
		}
	});
	const use = async (id: string, at = graph) => (await pool.acquire(id, at)).release();
	return { pool, loads, control, use };
}

describe('adapter pool', () => {
	it('keeps the most recently used within the budget and frees the others', async () => {
		const { pool, loads, use } = fixture();
		for (const id of ['a', 'b', 'c', 'a', 'd']) await use(id);
		expect(['a', 'b', 'c', 'd'].filter((id) => pool.has(id, 'base'))).toEqual(['a', 'c', 'd']);
		expect(loads.filter(({ disposed }) => disposed).map(({ id }) => id)).toEqual(['b']);
		expect(pool.stats).toEqual({ hits: 1, misses: 4, evictions: 1, adapters: 3, bytes: 30 });
	});

	it('never evicts an adapter in use, and shrinks to the budget when it is released', async () => {
		const { pool, loads } = fixture({ budgetBytes: 10 });
		const leases = await Promise.all(['a', 'b', 'c'].map((id) => pool.acquire(id, graph)));
		expect(pool.stats).toMatchObject({ adapters: 3, bytes: 30, evictions: 0 });
		expect(loads.some(({ disposed }) => disposed)).toBe(false);
		leases[1]?.release();
		leases[1]?.release();
		expect(loads.map(({ disposed }) => disposed)).toEqual([false, true, false]);
		leases[0]?.release();
		leases[2]?.release();
		expect(pool.stats).toMatchObject({ adapters: 1, bytes: 10 });
	});

	it('counts a second user of an adapter separately', async () => {
		const { pool, loads, use } = fixture({ budgetBytes: 10 });
		const [first, second] = [await pool.acquire('a', graph), await pool.acquire('a', graph)];
		first.release();
		first.release();
		await use('b');
		expect(loads[0]?.disposed).toBe(false);
		second.release();
		await use('b');
		expect(loads[0]?.disposed).toBe(true);
	});

	it('loads an adapter once for all who ask while it loads', async () => {
		const { pool, loads } = fixture();
		const leases = await Promise.all(Array.from({ length: 5 }, () => pool.acquire('a', graph)));
		expect(loads).toHaveLength(1);
		expect(new Set(leases.map(({ value }) => value)).size).toBe(1);
		expect(pool.stats).toMatchObject({ hits: 4, misses: 1, bytes: 10 });
	});

	it('gives all who wait the error of a failed load, and tries again next time', async () => {
		const { pool, loads, control, use } = fixture();
		control.fail = true;
		const results = await Promise.allSettled([pool.acquire('a', graph), pool.acquire('a', graph)]);
		expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
		expect(pool.stats).toMatchObject({ adapters: 0, bytes: 0 });
		control.fail = false;
		await use('a');
		expect(loads).toHaveLength(2);
	});

	it('holds an adapter once for each base model graph', async () => {
		const { pool, loads, use } = fixture();
		await use('a');
		await use('a', other);
		expect(loads.map(({ graph: graphId }) => graphId)).toEqual(['base', 'other']);
		pool.forget({ graph: 'base' });
		expect([pool.has('a', 'base'), pool.has('a', 'other')]).toEqual([false, true]);
		expect(loads[0]?.disposed).toBe(true);
	});

	it('lets go of a deleted adapter: at once, after its last user, or when its load ends', async () => {
		const { pool, loads, control, use } = fixture();
		await use('a');
		const lease = await pool.acquire('b', graph);
		let open: () => void = () => undefined;
		control.gate = new Promise((resolve) => (open = resolve));
		const waiting = pool.acquire('c', graph);
		for (const id of ['a', 'b', 'c']) pool.forget({ id });
		expect(loads.map(({ disposed }) => disposed)).toEqual([true, false, false]);
		expect(pool.stats.bytes).toBe(10);
		lease.release();
		open();
		const late = await waiting;
		expect(late.value.id).toBe('c');
		late.release();
		expect(loads.map(({ disposed }) => disposed)).toEqual([true, true, true]);
		expect(pool.stats).toMatchObject({ adapters: 0, bytes: 0 });
		await use('b');
		expect(loads).toHaveLength(4);
	});

	it('evicts when the budget shrinks', async () => {
		const { pool, use } = fixture();
		for (const id of ['a', 'b', 'c']) await use(id);
		pool.setBudget(15);
		expect(pool.stats).toMatchObject({ adapters: 1, bytes: 10, evictions: 2 });
		expect(pool.has('c', 'base')).toBe(true);
	});

	it('keeps its accounts through 20,000 random steps', async () => {
		const seed = 77;
		const random = seededRandom(seed);
		const { pool, loads, control } = fixture({ budgetBytes: 50 });
		const leases: AdapterLease<Copy>[] = [];
		const waiting: Promise<unknown>[] = [];
		for (let step = 0; step < 20_000; step++) {
			const id = `a${Math.floor(random() ** 2 * 30)}`;
			const kind = random();
			if (kind < 0.5) {
				control.fail = random() < 0.05;
				waiting.push(
					pool.acquire(id, random() < 0.8 ? graph : other).then(
						(lease) => leases.push(lease),
						() => 0
					)
				);
			} else if (kind < 0.9) leases.splice(Math.floor(random() * leases.length), 1)[0]?.release();
			else if (kind < 0.92) pool.forget({ id });
			else if (kind < 0.93) pool.forget({ graph: 'other' });
			if (random() < 0.3) await Promise.all(waiting.splice(0));
			expect(
				leases.some(({ value }) => value.disposed),
				`seed ${seed}, step ${step}`
			).toBe(false);
		}
		await Promise.all(waiting);
		for (const lease of leases) lease.release();
		const { adapters, bytes } = pool.stats;
		expect([bytes, adapters]).toEqual([50, 5]);
		expect(loads.length).toBe(pool.stats.misses);
		pool.setBudget(0);
		expect(pool.stats).toMatchObject({ adapters: 0, bytes: 0 });
	});
});
