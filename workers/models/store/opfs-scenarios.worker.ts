import { storeScenarios } from './file-store.scenarios.ts';
import { folderScenarios } from './folder.scenarios.ts';
import { OpfsFolder } from './opfs-folder.ts';

/** Runs one scenario on a fresh OPFS folder: sync access handles exist only in dedicated workers. For tests. */
self.onmessage = async ({ data: name }: MessageEvent<string>) => {
	const folderName = `test-${crypto.randomUUID()}`;
	try {
		const scenario = folderScenarios[name] ?? storeScenarios[name];
		if (!scenario) throw new Error(`no scenario ${name}`);
		await scenario(await OpfsFolder.open(folderName));
		self.postMessage('passed');
	} catch (error) {
		self.postMessage(error instanceof Error ? (error.stack ?? error.message) : String(error));
	} finally {
		const root = await navigator.storage.getDirectory();
		await root.removeEntry(folderName, { recursive: true }).catch(() => undefined);
	}
};
