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

// SvelteKit reads these, in a tab's first page to no avail: what it throws then makes V8 read the whole first script once more, to tell where.
try {
	for (const key of ['snapshot', 'navigation-snapshot', 'history-info'])
		sessionStorage[`sveltekit:${key}`] ??= '{}';
} catch {
	// Blocked, as above.
}

// Whether the app will speak English, as its markup does.
let isEnglish = true;

// The app's scripts wait until what stands in the page has been painted (.ci/paint.mjs). A page that nobody sees is not painted.
window.afterPaint = async () => {
	await new Promise((seen) => {
		requestAnimationFrame(() => setTimeout(seen));
		setTimeout(seen, 300);
	});
	// Each request takes half a millisecond to begin, of which nobody is to wait for all.
	const links = [...document.querySelectorAll('link[data-href]')];
	for (const [i, link] of links.entries()) {
		link.href = link.dataset.href;
		link.rel = 'modulepreload';
		if (i % 8 === 7) await new Promise((later) => setTimeout(later));
	}
	// The first number of a tab takes 15 ms: time enough while scripts come.
	(0.5).toLocaleString(document.documentElement.lang);
};

// One after another: all at once they would be one task, and a tap would wait for its end. A file that fails is asked for again, and told of.
window.oneByOne = async () => {
	// A script that has words takes them when it is evaluated: in another language they come first (src/hooks.client.ts).
	if (!isEnglish) return;
	for (const link of document.querySelectorAll('link[data-href]'))
		await import(link.href).catch(() => undefined);
};

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

	// What is listed later keeps its place (src/lib/factory/place.ts).
	const datanets = Number(localStorage.getItem('openledger.datanets'));
	if (datanets > 0 && datanets < 1000) {
		dataset.datanets = '';
		document.documentElement.style.setProperty('--datanets', datanets);
	}

	// The markup is what a first visitor sees at the page's bare address, in English. Whoever will see something else sees nothing wrong before.
	const languages = dataset.languages.split(' ');
	const language = [chosen.language, ...navigator.languages]
		.map((tag) => tag?.split('-')[0].toLowerCase())
		.find((tag) => languages.includes(tag));
	const path = location.pathname.replace(/\/(index\.html)?$|\.html$/, '');
	isEnglish = (language ?? 'en') === 'en';
	const readable = isEnglish && window.parent === window;
	// Of one thing's lineage the markup says that it is being looked up (src/routes/lineage/+page.svelte).
	const looksUp = dataset.page === '/lineage' && /^\?of=[^&]+$/.test(location.search);
	const meant =
		dataset.page &&
		dataset.page.replace(/\/$/, '') === path &&
		(!location.search || looksUp) &&
		!location.hash &&
		readable &&
		!(dataset.page === '/' && (chosen.model || chosen.agent || chosen.guide || chosen.adapters?.length));
	if (!meant) dataset.opening = '';
	else if (looksUp) dataset.looksUp = '';

	// A page of something that only this device knows: what all such pages show first is in the markup, for any of them.
	const frames = new MutationObserver(() => {
		const opening = document.getElementById('opening');
		if (!opening) return;
		frames.disconnect();
		// One stands for all: /datanets/_/rows.
		const [, folder, id] = path.split('/');
		const of = path.replace(/^(\/[^/]+)\/[^/]+/, '$1/_');
		const isOf = (element) => element.dataset.of.split(' ').includes(of);
		const template = [...document.querySelectorAll('template[data-of]')].find(isOf);
		if (!template) return;
		const frame = document.createElement('div');
		frame.id = 'frame';
		frame.append(template.content.cloneNode(true));
		for (const link of frame.querySelectorAll('link')) if (!isOf(link)) link.remove();
		for (const link of frame.querySelectorAll(`a[href^="/${folder}/_"]`)) {
			link.href = link.getAttribute('href').replace('_', () => id);
			if (link.pathname === path) link.setAttribute('aria-current', 'page');
			else link.removeAttribute('aria-current');
		}
		opening.before(frame);
		delete dataset.opening;
	});
	if (!dataset.page && readable) frames.observe(document.documentElement, { childList: true, subtree: true });

	// What is pressed or sent with Enter before the app stands is done when it does, and then alone: parts of the page live before. No form leaves it.
	let pressed;
	const hold = (event) => {
		event.preventDefault();
		event.stopImmediatePropagation();
	};
	const take = (event, button) => {
		if (!button) return;
		hold(event);
		pressed?.removeAttribute('data-pressed');
		pressed = button;
		button.setAttribute('data-pressed', '');
	};
	const press = (event) => take(event, event.target.closest?.('button'));
	const touch = matchMedia('(pointer: coarse)').matches;
	const enter = (event) => {
		const sends = !touch && event.key === 'Enter' && !event.shiftKey && !event.isComposing;
		const field = sends && event.target.closest?.('input, [enterkeyhint]');
		if (field) take(event, field.form?.querySelector('[type=submit]'));
	};
	addEventListener('click', press, true);
	addEventListener('keydown', enter, true);
	addEventListener('submit', hold, true);
	// One types at once, as when the app stands (Composer.svelte).
	if (meant && dataset.page === '/' && !touch)
		addEventListener('DOMContentLoaded', () => document.querySelector('main textarea')?.focus());
	addEventListener(
		'openledger-stands',
		() => {
			removeEventListener('click', press, true);
			removeEventListener('keydown', enter, true);
			removeEventListener('submit', hold, true);
			pressed?.removeAttribute('data-pressed');
			// One that stood in a frame is gone with it: the page has one of the same name.
			const name = (button) => button.getAttribute('aria-label') ?? button.textContent.trim();
			const own = (button) => name(button) === name(pressed);
			if (pressed?.isConnected) pressed.click();
			else if (pressed) [...document.querySelectorAll('button')].find(own)?.click();
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
