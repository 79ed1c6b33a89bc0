// Runs before everything else. Kept a file: the page allows no inline script.

// Storage may be blocked, as in frames of other sites: then choices last as long as the page, and who needs more can tell.
try {
	void localStorage.length;
} catch {
	const kept = new Map();
	const storage = {
		getItem: (key) => kept.get(key) ?? null,
		setItem: (key, value) => void kept.set(key, String(value)),
		removeItem: (key) => void kept.delete(key)
	};
	Object.defineProperty(window, 'localStorage', { value: storage });
	document.documentElement.dataset.storage = 'blocked';
}

// A dark page never flashes light.
(() => {
	let theme = 'system';
	try {
		theme = JSON.parse(localStorage.getItem('openledger.preferences') ?? '{}').theme ?? theme;
	} catch {
		// Storage blocked: the system's choice stands.
	}
	const dark = theme === 'dark' || (theme !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches);
	document.documentElement.dataset.theme = dark ? 'dark' : 'light';
})();

// Trusted Types: a worker is a script of this origin; no other text becomes code or markup here.
globalThis.trustedTypes?.createPolicy('default', {
	createScriptURL(url) {
		if (new URL(url, location.href).origin === location.origin) return url;
		throw new TypeError(`${url} is not a script of this app.`);
	}
});
