// Runs before the first paint, so that a dark page never flashes light. Kept a file: the page allows no inline script.
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
