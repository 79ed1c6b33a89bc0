import { check, equal, fails } from '#test/support/check.ts';
import type { HubControl } from '#test/support/hub-control.ts';
import { seededRandom } from '#test/support/random.ts';
import { FileStore } from '#workers/models/store/file-store.ts';
import type { Folder } from '#workers/models/store/folder.ts';
import { sha256Hex } from '#workers/models/store/hash.ts';
import type { LoadProgress } from '#workers/protocol.ts';
import { downloadItem, type DownloadPlan } from './download-item.ts';

interface Place {
	folder: Folder;
	hub: HubControl;
	/** For the random scenarios; printed by the tests. */
	seed: number;
	/** How many bytes more the folder may hold; undefined: no limit. */
	setFree(bytes: number | undefined): Promise<void>;
}

/** Patient enough for a busy machine: only scenarios of silence wait for it. */
const policy = { attempts: 4, baseMs: 5, maxMs: 40, stallMs: 10_000 };
const impatient = { ...policy, stallMs: 1000 };
let count = 0;

function data(length: number, seed = 1): Uint8Array {
	const random = seededRandom(seed);
	return new Uint8Array(length).map(() => random() * 256);
}

/** Puts files into a fresh repository and plans to fetch them as one item. */
async function plan(hub: HubControl, files: Record<string, Uint8Array>, id?: string) {
	const repo = `test/r${Date.now().toString(36)}-${count++}-${Math.random().toString(36).slice(2, 8)}`;
	const planned: DownloadPlan = {
		label: { id: id ?? repo, kind: 'model', name: repo, source: 'hub' },
		files: []
	};
	for (const [path, bytes] of Object.entries(files)) {
		await hub.put(repo, path, bytes);
		const remote = { url: `${hub.url}/${repo}/resolve/main/${path}` };
		planned.files.push({ path, size: bytes.length, sha256: await sha256Hex(bytes), remote });
	}
	return { repo, plan: planned };
}

const starts = (requests: { range?: string }[]) =>
	requests.map(({ range }) => Number(/\d+/.exec(range ?? '')?.[0] ?? 0));

/** What the downloader must do against a real server; each scenario gets an empty folder. */
export const downloadScenarios: Record<string, (place: Place) => Promise<void>> = {
	'a plan of several files arrives whole, each asked for once, with honest progress': async ({
		folder,
		hub
	}) => {
		const store = await FileStore.open(folder);
		const files = { 'config.json': data(500), 'onnx/model.onnx': data(900_000, 2), empty: data(0) };
		const { repo, plan: job } = await plan(hub, files);
		const seen: LoadProgress[] = [];
		const item = await downloadItem(store, job, { policy, onProgress: (progress) => seen.push(progress) });
		equal(
			item.files.map(({ path }) => path),
			Object.keys(files)
		);
		for (const [path, bytes] of Object.entries(files))
			equal(await store.readFile(item.id, path), bytes, path);
		equal((await hub.requests(repo)).length, 2);
		equal(seen[0]?.phase, 'waiting');
		const last = seen.at(-1);
		equal([last?.bytesDone, last?.bytesTotal], [900_500, 900_500]);
		const done = seen.map(({ bytesDone }) => bytesDone ?? 0);
		check(
			done.every((value, i) => value >= (done[i - 1] ?? 0)),
			'progress never goes back'
		);
		equal(await downloadItem(store, job, { policy }), item, 'a second call');
		equal((await hub.requests(repo)).length, 2);
	},
	'after cuts at random points the rest is asked for, and the bytes are right': async (place) => {
		const { folder, hub, seed } = place;
		const random = seededRandom(seed);
		const store = await FileStore.open(folder);
		const bytes = data(700_000, seed);
		const { repo, plan: job } = await plan(hub, { 'model.onnx': bytes });
		const cuts = Array.from({ length: 12 }, () => 1 + Math.floor(random() * 80_000));
		for (const after of cuts) await hub.fault({ path: repo, kind: 'cut', after });
		const { id } = await downloadItem(store, job, { policy });
		equal(await store.readFile(id, 'model.onnx'), bytes);
		const from = starts(await hub.requests(repo));
		equal(from.length, cuts.length + 1, 'requests');
		check(
			from.every((start, i) => i === 0 || start - (from[i - 1] ?? 0) <= (cuts[i - 1] ?? 0)),
			'no request leaves a gap'
		);
		check(
			from.every((start, i) => i === 0 || start >= (from[i - 1] ?? 0)),
			'no request starts anew'
		);
	},
	'after tabs closed at random points another goes on, and the bytes are right': async ({
		folder,
		hub,
		seed
	}) => {
		const random = seededRandom(seed);
		const bytes = data(600_000, seed);
		const { repo, plan: job } = await plan(hub, { 'a.onnx': bytes.slice(0, 200_000), 'b.onnx': bytes });
		for (let round = 0; round < 6; round++) {
			await hub.fault({ path: repo, kind: 'slow', bytesPerSecond: 1_500_000 });
			const controller = new AbortController();
			const stopAt = random() * 800_000;
			const onProgress = ({ bytesDone = 0 }: LoadProgress) => bytesDone > stopAt && controller.abort();
			await downloadItem(await FileStore.open(folder), job, {
				policy,
				onProgress,
				signal: controller.signal
			}).catch((error) => equal(error.code, 'aborted'));
		}
		const store = await FileStore.open(folder);
		const { id } = await downloadItem(store, job, { policy });
		equal(await store.readFile(id, 'a.onnx'), bytes.slice(0, 200_000));
		equal(await store.readFile(id, 'b.onnx'), bytes);
		const requests = await hub.requests(repo);
		for (const path of ['a.onnx', 'b.onnx']) {
			const from = starts(requests.filter((request) => request.path.endsWith(path)));
			check(
				from.every((start, i) => i === 0 || start >= (from[i - 1] ?? 0)),
				`${path} never starts anew: ${from}`
			);
		}
	},
	'a server that ignores ranges is read from the start': async ({ folder, hub }) => {
		const store = await FileStore.open(folder);
		const bytes = data(200_000);
		const { repo, plan: job } = await plan(hub, { 'model.onnx': bytes });
		await hub.fault({ path: repo, kind: 'cut', after: 90_000 });
		await hub.fault({ path: repo, kind: 'ignore-range' });
		const { id } = await downloadItem(store, job, { policy });
		equal(await store.readFile(id, 'model.onnx'), bytes);
		equal(
			(await hub.requests(repo)).map(({ status }) => status),
			[200, 200]
		);
	},
	'an answer with another part is not taken; the second time the file is asked for whole': async ({
		folder,
		hub
	}) => {
		const store = await FileStore.open(folder);
		const bytes = data(200_000);
		const { repo, plan: job } = await plan(hub, { 'model.onnx': bytes });
		await hub.fault({ path: repo, kind: 'cut', after: 90_000 });
		await hub.fault({ path: repo, kind: 'wrong-range', shift: -10, times: 2 });
		const { id } = await downloadItem(store, job, { policy });
		equal(await store.readFile(id, 'model.onnx'), bytes);
		const from = starts(await hub.requests(repo));
		equal(
			from.map((start) => start > 0),
			[false, true, true, false]
		);
	},
	'a file whose ETag changes in the middle is fetched anew': async ({ folder, hub }) => {
		const store = await FileStore.open(folder);
		const bytes = data(200_000);
		const { repo, plan: job } = await plan(hub, { 'model.onnx': data(200_000, 9) });
		await hub.fault({ path: repo, kind: 'cut', after: 90_000 });
		const file = job.files[0];
		check(file !== undefined, 'one file');
		const running = downloadItem(
			store,
			{ ...job, files: [{ ...file, sha256: await sha256Hex(bytes) }] },
			// Long enough for the file to be changed meanwhile.
			{ policy: { ...policy, baseMs: 1500, maxMs: 1500 } }
		);
		while ((await hub.requests(repo)).length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
		await hub.put(repo, 'model.onnx', bytes);
		equal(await store.readFile((await running).id, 'model.onnx'), bytes);
		equal(
			starts(await hub.requests(repo)).map((start) => start > 0),
			[false, true, false]
		);
	},
	'without a known hash, a changed ETag keeps two versions of a file apart': async ({ folder, hub }) => {
		const store = await FileStore.open(folder);
		const bytes = data(200_000);
		const { repo, plan: job } = await plan(hub, { 'model.onnx': data(200_000, 9) });
		await hub.fault({ path: repo, kind: 'cut', after: 90_000 });
		const files = job.files.map(({ path, size, remote }) => ({ path, size, remote }));
		const slow = { ...policy, baseMs: 1500, maxMs: 1500 };
		const running = downloadItem(store, { ...job, files }, { policy: slow });
		while ((await hub.requests(repo)).length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
		await hub.put(repo, 'model.onnx', bytes);
		equal(await store.readFile((await running).id, 'model.onnx'), bytes);
	},
	'a wrong byte is noticed and the file fetched again; wrong twice is an error that leaves nothing': async (
		place
	) => {
		const { folder, hub } = place;
		const store = await FileStore.open(folder);
		const bytes = data(200_000);
		const good = await plan(hub, { 'model.onnx': bytes });
		await hub.fault({ path: good.repo, kind: 'wrong-byte', at: 123_456 });
		const { id } = await downloadItem(store, good.plan, { policy });
		equal(await store.readFile(id, 'model.onnx'), bytes);
		for (const fault of [
			{ kind: 'wrong-byte', at: 1 },
			{ kind: 'longer', by: 7 }
		] as const) {
			const bad = await plan(hub, { 'model.onnx': data(200_000, 2) });
			await hub.fault({ path: bad.repo, times: 2, ...fault });
			await fails(() => downloadItem(store, bad.plan, { policy }), 'hub/wrong-bytes');
			equal(await store.item(bad.plan.label.id), undefined);
			equal((await hub.requests(bad.repo)).length, 2);
		}
		equal(
			(await store.report()).pending.map(({ bytesDone }) => bytesDone),
			[0, 0]
		);
		equal(await store.readFile(id, 'model.onnx'), bytes);
	},
	'a body that ends early is gone on with': async ({ folder, hub }) => {
		const store = await FileStore.open(folder);
		const bytes = data(100_000);
		const { repo, plan: job } = await plan(hub, { 'model.onnx': bytes });
		await hub.fault({ path: repo, kind: 'shorter', by: 40_000 });
		const { id } = await downloadItem(store, job, { policy });
		equal(await store.readFile(id, 'model.onnx'), bytes);
		equal(starts(await hub.requests(repo)), [0, 60_000]);
	},
	'a missing file and a forbidden one are errors at once': async ({ folder, hub }) => {
		const store = await FileStore.open(folder);
		for (const [status, code] of [
			[404, 'hub/not-found'],
			[401, 'hub/unauthorised'],
			[403, 'hub/unauthorised'],
			[400, 'hub/unreachable']
		] as const) {
			const { repo, plan: job } = await plan(hub, { 'model.onnx': data(100) });
			await hub.fault({ path: repo, kind: 'status', status, times: 9 });
			await fails(() => downloadItem(store, job, { policy }), code);
			equal((await hub.requests(repo)).length, 1, `requests after ${status}`);
		}
	},
	'a busy server is asked again after the pause it names, and given up on in the end': async ({
		folder,
		hub
	}) => {
		const store = await FileStore.open(folder);
		const { repo, plan: job } = await plan(hub, { 'model.onnx': data(100) });
		await hub.fault({ path: repo, kind: 'status', status: 429, retryAfter: '1' });
		await hub.fault({ path: repo, kind: 'status', status: 503 });
		const seen: LoadProgress[] = [];
		const started = performance.now();
		await downloadItem(store, job, {
			policy: { ...policy, maxMs: 2000 },
			onProgress: (progress) => seen.push(progress)
		});
		check(performance.now() - started >= 1000, 'it waited a second');
		equal(seen.find(({ retryInSeconds }) => retryInSeconds)?.retryInSeconds, 1);
		const never = await plan(hub, { 'model.onnx': data(1000) });
		await hub.fault({ path: never.repo, kind: 'cut', after: 600 });
		await hub.fault({ path: never.repo, kind: 'status', status: 500, times: 99 });
		await fails(() => downloadItem(store, never.plan, { policy }), 'hub/unreachable');
		equal((await hub.requests(never.repo)).length, 1 + policy.attempts - 1, 'requests');
		equal(
			(await store.report()).pending.map(({ bytesDone }) => bytesDone),
			[600]
		);
	},
	'a silent connection is dropped and asked again from there': async ({ folder, hub }) => {
		const store = await FileStore.open(folder);
		const bytes = data(100_000);
		const { repo, plan: job } = await plan(hub, { 'model.onnx': bytes });
		await hub.fault({ path: repo, kind: 'stall', after: 30_000 });
		await hub.fault({ path: repo, kind: 'stall', after: 0 });
		const { id } = await downloadItem(store, job, { policy: impatient });
		equal(await store.readFile(id, 'model.onnx'), bytes);
		equal(starts(await hub.requests(repo)), [0, 30_000, 30_000]);
	},
	'nobody at the address is an error that says so': async ({ folder, hub }) => {
		const store = await FileStore.open(folder);
		const { plan: job } = await plan(hub, { 'model.onnx': data(10) });
		const file = job.files[0];
		check(file !== undefined, 'one file');
		const remote = { url: 'http://127.0.0.1:9/model.onnx' };
		await fails(
			() => downloadItem(store, { ...job, files: [{ ...file, remote }] }, { policy }),
			'hub/unreachable'
		);
	},
	'stopping works at once, in mid-body and in a pause, and keeps what has arrived': async ({
		folder,
		hub
	}) => {
		const store = await FileStore.open(folder);
		for (const fault of [
			{ kind: 'stall', after: 50_000 },
			{ kind: 'status', status: 503, retryAfter: '20' }
		] as const) {
			const { repo, plan: job } = await plan(hub, { 'model.onnx': data(100_000) });
			await hub.fault({ path: repo, times: 9, ...fault });
			const controller = new AbortController();
			let stopped = 0;
			// A moment after the first bytes, or the pause, began.
			let soon: ReturnType<typeof setTimeout> | undefined;
			const onProgress = ({ phase }: LoadProgress) => {
				if (phase !== 'download') return;
				soon ??= setTimeout(() => {
					stopped = performance.now();
					controller.abort();
				}, 150);
			};
			const slow = { ...policy, stallMs: 20_000, maxMs: 20_000 };
			const { signal } = controller;
			await fails(() => downloadItem(store, job, { policy: slow, signal, onProgress }), 'aborted');
			check(performance.now() - stopped < 15_000, 'it did not wait for the server');
		}
		const done = (await store.report()).pending.map(({ bytesDone }) => bytesDone);
		check((done[0] ?? 0) > 0 && done[0] === done[1], `what arrived is kept: ${done}`);
	},
	'a full disk says how much is missing, harms nothing, and the download goes on when there is room': async (
		place
	) => {
		const { folder, hub, setFree } = place;
		const store = await FileStore.open(folder);
		const before = await plan(hub, { 'model.onnx': data(50_000, 3) });
		const old = await downloadItem(store, before.plan, { policy });
		// Browsers set room aside ahead of the writing, so it takes several megabytes to run out.
		const bytes = data(12_000_000);
		const { repo, plan: job } = await plan(hub, { 'model.onnx': bytes });
		// Not enough from the start: not even asked, where the browser tells the truth.
		await setFree(11_000_000);
		const space = await folder.space();
		if (space && space.quota - space.used < bytes.length) {
			const early = await fails(() => downloadItem(store, job, { policy }), 'storage/full');
			equal(early.details.neededBytes, 12_000_000);
			const missing = Number(early.details.missingBytes) - 1_000_000;
			check(missing >= 0 && missing < 10_000, `missing: 1,000,000 and the index, ${missing}`);
			equal((await hub.requests(repo)).length, 0);
		}
		// Room vanishes while the file comes.
		await setFree(undefined);
		await hub.fault({ path: repo, kind: 'stall', after: 1_000_000 });
		const running = downloadItem(store, job, { policy: { ...policy, stallMs: 600 } });
		while ((await store.report()).pending[0]?.bytesDone !== 1_000_000)
			await new Promise((go) => setTimeout(go, 10));
		await setFree(300_000);
		const late = await fails(() => running, 'storage/full');
		const done = (await store.report()).pending[0]?.bytesDone ?? 0;
		check(done >= 1_000_000 && done < 2_000_000, `what had arrived is there: ${done}`);
		equal(late.details.neededBytes, bytes.length - done);
		equal(await store.readFile(old.id, 'model.onnx'), data(50_000, 3));
		// Deleting works on a full disk, and makes room.
		await setFree(0);
		equal(await store.remove(old.id), 50_000);
		await setFree(undefined);
		const { id } = await downloadItem(store, job, { policy });
		equal(await store.readFile(id, 'model.onnx'), bytes);
		check((starts(await hub.requests(repo)).at(-1) ?? 0) >= 1_000_000, 'the start was not fetched again');
	},
	'two tabs that want the same fetch it once, and both see it come': async ({ folder, hub }) => {
		const bytes = data(300_000);
		const { repo, plan: job } = await plan(hub, { 'model.onnx': bytes });
		await hub.fault({ path: repo, kind: 'slow', bytesPerSecond: 600_000 });
		const seen: LoadProgress[][] = [[], []];
		const items = await Promise.all(
			seen.map(async (list) => {
				const store = await FileStore.open(folder);
				return downloadItem(store, job, { policy, onProgress: (progress) => list.push(progress) });
			})
		);
		equal(items[0], items[1]);
		equal((await hub.requests(repo)).length, 1);
		for (const list of seen) {
			equal(list[0]?.phase, 'waiting');
			check(list.filter(({ phase }) => phase === 'download').length > 1, 'both see the download');
		}
	},
	'when the tab that downloads is stopped, the one that waits takes over': async ({ folder, hub }) => {
		const bytes = data(300_000);
		const { repo, plan: job } = await plan(hub, { 'model.onnx': bytes });
		await hub.fault({ path: repo, kind: 'stall', after: 100_000 });
		const controller = new AbortController();
		const [one, two] = [await FileStore.open(folder), await FileStore.open(folder)];
		const stopped = fails(
			() => downloadItem(one, job, { policy: { ...policy, stallMs: 9999 }, signal: controller.signal }),
			'aborted'
		);
		while ((await one.report()).pending[0]?.bytesDone !== 100_000)
			await new Promise((go) => setTimeout(go, 10));
		const waits = Promise.withResolvers<undefined>();
		const onProgress = ({ phase }: LoadProgress) => phase === 'waiting' && waits.resolve(undefined);
		const other = downloadItem(two, job, { policy, onProgress });
		await waits.promise;
		await new Promise((resolve) => setTimeout(resolve, 60));
		controller.abort();
		await stopped;
		equal(await two.readFile((await other).id, 'model.onnx'), bytes);
		equal(starts(await hub.requests(repo)), [0, 100_000]);
	},
	'two models that share a file fetch it once': async ({ folder, hub }) => {
		const store = await FileStore.open(folder);
		const [shared, own] = [data(100_000), data(1000, 3)];
		const first = await plan(hub, { 'tokenizer.json': shared });
		const second = await plan(hub, { 'tokenizer.json': shared, 'model.onnx': own });
		await Promise.all([first, second].map(({ plan: job }) => downloadItem(store, job, { policy })));
		const requests = [...(await hub.requests(first.repo)), ...(await hub.requests(second.repo))];
		equal(requests.filter(({ path }) => path.endsWith('tokenizer.json')).length, 1);
		equal((await folder.names('blobs')).length, 2);
	},
	'an access token goes to the source and is not written down': async ({ folder, hub }) => {
		const store = await FileStore.open(folder);
		const { repo, plan: job } = await plan(hub, { 'model.onnx': data(50_000) });
		await hub.fault({ path: repo, kind: 'cut', after: 100 });
		await hub.fault({ path: repo, kind: 'status', status: 404 });
		const headers = { Authorization: 'Bearer hf_secret' };
		const files = job.files.map((file) => ({ ...file, remote: { ...file.remote, headers } }));
		await fails(() => downloadItem(store, { ...job, files }, { policy }), 'hub/not-found');
		equal(
			(await hub.requests(repo)).map(({ authorization }) => authorization),
			Array(2).fill('Bearer hf_secret')
		);
		for (const directory of ['index', 'parts'])
			for (const name of await folder.names(directory)) {
				const file = await folder.openToRead(`${directory}/${name}`);
				const text = new TextDecoder().decode(file?.read(0, file.size));
				file?.close();
				check(!text.includes('hf_secret'), `${directory}/${name} does not hold the token`);
			}
	}
};
