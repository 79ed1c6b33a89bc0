const ASKED = 'openledger.keep-asked';
/** Milliseconds: an answer that came sooner was not a person's. */
const BY_ITSELF = 400;

let asking = false;

/**
 * There is something to lose now (a model, an adapter, a Datanet, a training run): asks the browser to keep what is stored until the
 * person deletes it (storage.spec.whatwg.org/#dom-storagemanager-persist). Firefox lets the person decide, who is asked once and may
 * change their mind on the settings page; other browsers decide by themselves, and may decide otherwise the next time. Never rejects.
 */
export async function keepStored(): Promise<void> {
	if (asking || localStorage.getItem(ASKED)) return;
	asking = true;
	try {
		if (!navigator.storage?.persist || (await navigator.storage.persisted())) return;
		const since = performance.now();
		const isKept = await navigator.storage.persist();
		if (isKept || performance.now() - since > BY_ITSELF) localStorage.setItem(ASKED, 'true');
	} catch {
		// It stays as it was; the settings page says how.
	} finally {
		asking = false;
	}
}
