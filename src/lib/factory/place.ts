/** Read before the first paint (static/first.js), which is long before a database answers. */
const KEPT = 'openledger.datanets';

/** Remembers how many Datanets are listed, so that the next visit keeps their place and nothing is moved when they come. */
export function keepPlaceOf(count: number): void {
	const { dataset, style } = document.documentElement;
	if (count > 0) {
		localStorage.setItem(KEPT, String(count));
		dataset.datanets = '';
		style.setProperty('--datanets', String(count));
	} else {
		localStorage.removeItem(KEPT);
		delete dataset.datanets;
	}
}
