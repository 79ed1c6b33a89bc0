import { Workbox } from 'workbox-window';
import { toasts } from '../ui/toasts.svelte.ts';

/** A host is asked for a new version this often, besides whenever the app is opened. */
const askEvery = 60 * 60 * 1000;
/** Work that an update must not cut off holds a lock of such a name, in whichever tab it runs. */
const working = /^openledger-(reply|training)/;
const patience = 1000;

/**
 * Installs the service worker, which makes the app work offline, and offers a new version when one has been fetched.
 * It is taken only when a person says so, and then as soon as no tab writes a reply or trains.
 * @param address of the built service worker
 * @param before the worker that answered for this page when it was opened
 */
export async function followUpdates(address: string, before: ServiceWorker | null): Promise<void> {
	if (!('serviceWorker' in navigator)) return;
	const workbox = new Workbox(address);
	// The first worker of all takes over every open page, and none of them has anything of another version.
	const { controller } = navigator.serviceWorker;
	let hadWorker = controller !== null;
	// What this page has not loaded yet is gone with the old version.
	const tell = () =>
		toasts.offer('OpenLedger was updated in another tab.', 'Reload', () => location.reload());
	if (before && controller !== before) tell();
	let asked = false;
	workbox.addEventListener('waiting', () =>
		toasts.offer('A new version is ready.', 'Update', async () => {
			asked = true;
			if (await isWorking()) toasts.say('The update is applied when nothing is being written any more.');
			while (await isWorking()) await new Promise((resolve) => setTimeout(resolve, patience));
			workbox.messageSkipWaiting();
		})
	);
	workbox.addEventListener('controlling', () => {
		if (asked) location.reload();
		else if (hadWorker) tell();
		hadWorker = true;
	});
	// Without storage, or with service workers switched off, the app works online.
	const registered = await workbox.register({ immediate: true }).catch(() => undefined);
	if (registered) setInterval(() => void workbox.update().catch(() => undefined), askEvery);
}

async function isWorking(): Promise<boolean> {
	const { held = [] } = (await navigator.locks?.query()) ?? {};
	return held.some(({ name }) => working.test(name ?? ''));
}
