const STORED = 'openledger-walletconnect';
/** The relay that wallets use unless a person names another. */
const RELAY = 'wss://relay.walletconnect.org';

export interface RelaySettings {
	/** Names the person's own project at the relay's operator; the relay refuses whoever has none. Empty: WalletConnect is off. */
	projectId: string;
	/** wss:// or, on this machine, ws://; empty: the usual one. */
	relay: string;
}

/** What a person typed in the settings. */
export function storedRelay(): RelaySettings {
	try {
		const { projectId, relay } = JSON.parse(localStorage.getItem(STORED) ?? '{}') as Record<string, unknown>;
		if (isProjectId(projectId) && (relay === '' || isRelayAddress(relay))) return { projectId, relay };
	} catch {
		// Not ours.
	}
	return { projectId: '', relay: '' };
}

/** Keeps it, or forgets all of it where the project id is empty. Holds at once. */
export function storeRelay(settings: RelaySettings): void {
	if (settings.projectId) localStorage.setItem(STORED, JSON.stringify(settings));
	else localStorage.removeItem(STORED);
}

export function relayAddress({ relay }: RelaySettings): string {
	return relay || RELAY;
}

/** As the relay's operator gives them out: 32 hexadecimal digits; another relay may have names of its own. */
export function isProjectId(text: unknown): text is string {
	return typeof text === 'string' && /^[\w-]{1,64}$/.test(text);
}

/** A relay is asked in the clear on this machine only. */
export function isRelayAddress(text: unknown): text is string {
	if (typeof text !== 'string' || !URL.canParse(text)) return false;
	const { protocol, hostname } = new URL(text);
	return protocol === 'wss:' || (protocol === 'ws:' && ['127.0.0.1', 'localhost'].includes(hostname));
}
