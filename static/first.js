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

(() => {
	const { dataset } = document.documentElement;
	let chosen = {};
	try {
		chosen = JSON.parse(localStorage.getItem('openledger.preferences')) ?? {};
	} catch {
		// Not readable: as if nothing had been chosen.
	}

	// A dark page never flashes light.
	const { theme } = chosen;
	const dark = theme === 'dark' || (theme !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches);
	dataset.theme = dark ? 'dark' : 'light';

	// The markup is what a first visitor sees at the page's bare address, in English. Whoever will see something else sees nothing wrong before.
	const languages = dataset.languages.split(' ');
	const language = [chosen.language, ...navigator.languages]
		.map((tag) => tag?.split('-')[0].toLowerCase())
		.find((tag) => languages.includes(tag));
	const meant =
		dataset.page &&
		dataset.page.replace(/\/$/, '') === location.pathname.replace(/\/(index\.html)?$|\.html$/, '') &&
		!location.search &&
		!location.hash &&
		(language ?? 'en') === 'en' &&
		window.parent === window &&
		!(dataset.page === '/' && (chosen.model || chosen.agent || chosen.guide || chosen.adapters?.length));
	if (!meant) dataset.opening = '';

	// What is pressed before the app stands is done when it does, and no form leaves the page.
	let pressed;
	const press = (event) => {
		const button = event.target.closest?.('button');
		if (!button) return;
		pressed?.removeAttribute('data-pressed');
		pressed = button;
		button.setAttribute('data-pressed', '');
	};
	const hold = (event) => event.preventDefault();
	addEventListener('click', press, true);
	addEventListener('submit', hold, true);
	addEventListener(
		'openledger-stands',
		() => {
			removeEventListener('click', press, true);
			removeEventListener('submit', hold, true);
			pressed?.removeAttribute('data-pressed');
			if (pressed?.isConnected) pressed.click();
		},
		{ once: true }
	);
})();

// Trusted Types: a worker is a script of this origin; no other text becomes code or markup here.
globalThis.trustedTypes?.createPolicy('default', {
	createScriptURL(url) {
		if (new URL(url, location.href).origin === location.origin) return url;
		throw new TypeError(`${url} is not a script of this app.`);
	}
});
