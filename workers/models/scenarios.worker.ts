import { HubControl } from '#test/support/hub-control.ts';
import { downloadScenarios } from './download/download.scenarios.ts';
import { downloadItem, type DownloadPlan } from './download/download-item.ts';
import { importScenarios } from './import/import.scenarios.ts';
import { FileStore } from './store/file-store.ts';
import { storeScenarios } from './store/file-store.scenarios.ts';
import { folderScenarios } from './store/folder.scenarios.ts';
import { OpfsFolder } from './store/opfs-folder.ts';

/** For tests: sync access handles exist only in dedicated workers, so what uses OPFS must run in one. */
export type WorkerTask =
	| { run: string; hubUrl: string; seed: number }
	/** As a tab would; progress is posted as it comes. */
	| { download: DownloadPlan; folder: string };

self.onmessage = async ({ data }: MessageEvent<WorkerTask>) => {
	try {
		if ('run' in data) await runScenario(data.run, data.hubUrl, data.seed);
		else {
			const store = await FileStore.open(await OpfsFolder.open(data.folder));
			const { files } = await downloadItem(store, data.download, {
				onProgress: (progress) => self.postMessage({ progress })
			});
			self.postMessage({ progress: { phase: 'done', files } });
		}
		self.postMessage({ outcome: 'passed' });
	} catch (error) {
		self.postMessage({ outcome: error instanceof Error ? (error.stack ?? error.message) : String(error) });
	}
};

async function runScenario(name: string, hubUrl: string, seed: number): Promise<void> {
	const folderName = `test-${crypto.randomUUID()}`;
	try {
		const folder = await OpfsFolder.open(folderName);
		const plain = folderScenarios[name] ?? storeScenarios[name];
		if (plain) return await plain(folder);
		await importScenarios[name]?.({ folder, seed });
		await downloadScenarios[name]?.({ folder, hub: new HubControl(hubUrl), seed, setFree });
	} finally {
		const root = await navigator.storage.getDirectory();
		await root.removeEntry(folderName, { recursive: true }).catch(() => undefined);
	}
}

/** The quota can only be set through the page, by the DevTools protocol. */
async function setFree(bytes: number | undefined): Promise<void> {
	const { usage = 0 } = await navigator.storage.estimate();
	const { port1, port2 } = new MessageChannel();
	const done = new Promise((resolve) => (port1.onmessage = resolve));
	self.postMessage({ quota: bytes === undefined ? undefined : usage + bytes, reply: port2 }, [port2]);
	await done;
	port1.close();
}
