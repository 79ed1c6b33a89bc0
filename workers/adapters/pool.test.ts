import { describe, expect, it } from 'vitest';
import { seededRandom } from '#test/support/random.ts';
import { AdapterPool, type AdapterLease, type PoolResource } from './pool.ts';

interface Copy extends PoolResource {
	key: string;
	disposed: boolean;
}

/** A pool over adapters of 10 bytes each, with every load noted; loads wait while `gate` is pending. */
function fixture({ budget = 30 } = {}) {
	const loads: Copy[] = [];
	const control = { gate: Promise.resolve() as Promise<void>, fail: false };
	const pool = new AdapterPool<Copy>(budget);
	const acquire = (key: string) =>
		pool.acquire(key, async () => {
			const copy: Copy = {
				key,
				byteLength: 10,
				disposed: false,
				dispose() {
					if (copy.disposed) throw new Error(`${key} is disposed of twice`);
					copy.disposed = true;
				}
			};
			loads.push(copy);
			const { gate, fail } = control;
			await gate;
			if (fail) throw new Error(`cannot load ${key}`);
			return copy;
		});
	const use = async (key: string) => (await acquire(key)).release();
	return { pool, loads, control, acquire, use };
}

describe('adapter pool', () => {
	it('keeps the most recently used within the budget and frees the others', async () => {
		const { pool, loads, use } = fixture();
		for (const key of ['a', 'b', 'c', 'a', 'd']) await use(key);
		expect(['a', 'b', 'c', 'd'].filter((key) => pool.has(key))).toEqual(['a', 'c', 'd']);
		expect(loads.filter(({ disposed }) => disposed).map(({ key }) => key)).toEqual(['b']);
		expect(pool.stats).toEqual({ hits: 1, misses: 4, evictions: 1, adapters: 3, bytes: 30 });
	});

	it('never evicts an adapter in use, and shrinks to the budget when it is released', async () => {
		const { pool, loads, acquire } = fixture({ budget: 10 });
		const leases = await Promise.all(['a', 'b', 'c'].map(acquire));
		expect(pool.stats).toMatchObject({ adapters: 3, bytes: 30, evictions: 0 });
		expect(loads.some(({ disposed }) => disposed)).toBe(false);
		leases[1]?.release();
		leases[1]?.release();
		expect(loads.map(({ disposed }) => disposed)).toEqual([false, true, false]);
		leases[0]?.release();
		leases[2]?.release();
		expect(pool.stats).toMatchObject({ adapters: 1, bytes: 10 });
	});

	it('counts each user of an adapter', async () => {
		const { loads, acquire, use } = fixture({ budget: 10 });
		const [first, second] = [await acquire('a'), await acquire('a')];
		first.release();
		first.release();
		await use('b');
		expect(loads[0]?.disposed).toBe(false);
		second.release();
		await use('b');
		expect(loads[0]?.disposed).toBe(true);
	});

	it('loads an adapter once for all who ask while it loads', async () => {
		const { pool, loads, acquire } = fixture();
		const leases = await Promise.all(Array.from({ length: 5 }, () => acquire('a')));
		expect(loads).toHaveLength(1);
		expect(new Set(leases.map(({ adapter }) => adapter)).size).toBe(1);
		expect(pool.stats).toMatchObject({ hits: 4, misses: 1, bytes: 10 });
	});

	it('gives all who wait the error of a failed load, and tries again next time', async () => {
		const { pool, loads, control, acquire, use } = fixture();
		control.fail = true;
		const results = await Promise.allSettled([acquire('a'), acquire('a')]);
		expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
		expect(pool.stats).toMatchObject({ adapters: 0, bytes: 0 });
		control.fail = false;
		await use('a');
		expect(loads).toHaveLength(2);
	});

	it('lets go of a deleted adapter: at once, after its last user, or when its load ends', async () => {
		const { pool, loads, control, acquire, use } = fixture();
		await use('a');
		const lease = await acquire('b');
		let open: () => void = () => undefined;
		control.gate = new Promise((resolve) => (open = resolve));
		const waiting = acquire('c');
		await use('a');
		pool.forget((key) => 'abc'.includes(key));
		expect(loads.map(({ disposed }) => disposed)).toEqual([true, false, false]);
		expect(pool.stats.bytes).toBe(10);
		lease.release();
		open();
		const late = await waiting;
		expect(late.adapter.key).toBe('c');
		late.release();
		expect(loads.map(({ disposed }) => disposed)).toEqual([true, true, true]);
		expect(pool.stats).toMatchObject({ adapters: 0, bytes: 0 });
		await use('b');
		expect(loads).toHaveLength(4);
	});

	it('evicts when the budget shrinks', async () => {
		const { pool, use } = fixture();
		for (const key of ['a', 'b', 'c']) await use(key);
		pool.setBudget(15);
		expect(pool.stats).toMatchObject({ adapters: 1, bytes: 10, evictions: 2 });
		expect(pool.has('c')).toBe(true);
	});

	it('keeps its accounts through 20,000 random steps', async () => {
		const seed = 77;
		const random = seededRandom(seed);
		const { pool, loads, control, acquire } = fixture({ budget: 50 });
		const leases: AdapterLease<Copy>[] = [];
		const waiting: Promise<unknown>[] = [];
		for (let step = 0; step < 20_000; step++) {
			const key = `a${Math.floor(random() ** 2 * 30)}`;
			const kind = random();
			if (kind < 0.5) {
				control.fail = random() < 0.05;
				waiting.push(
					acquire(key).then(
						(lease) => leases.push(lease),
						() => 0
					)
				);
			} else if (kind < 0.9) leases.splice(Math.floor(random() * leases.length), 1)[0]?.release();
			else if (kind < 0.92) pool.forget((other) => other === key);
			if (random() < 0.3) await Promise.all(waiting.splice(0));
			const used = new Set(leases.map(({ adapter }) => adapter));
			expect(
				[...used].some(({ disposed }) => disposed),
				`seed ${seed}, step ${step}`
			).toBe(false);
			const alive = loads.filter(({ disposed }) => !disposed).length;
			expect(pool.stats.bytes, `seed ${seed}, step ${step}`).toBeLessThanOrEqual(10 * alive);
			expect(pool.stats.bytes).toBeLessThanOrEqual(Math.max(50, 10 * (used.size + waiting.length)));
		}
		await Promise.all(waiting);
		for (const lease of leases) lease.release();
		expect(pool.stats).toMatchObject({ adapters: 5, bytes: 50 });
		expect(loads.length).toBe(pool.stats.misses);
		pool.setBudget(0);
		expect(pool.stats).toMatchObject({ adapters: 0, bytes: 0 });
	});
});
