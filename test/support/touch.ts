import type { Page } from 'playwright';

/** Side of what a finger hits, in CSS pixels; half a pixel is the browser's rounding. */
const FINGER = 43.5;

/** Controls on a phone that a finger may miss, by name and size. What a label names is hit by the label too; a link in a sentence is as high as its line. */
export function smallTargets(page: Page): Promise<string[]> {
	return page.evaluate((finger) => {
		const controls = document.querySelectorAll<HTMLElement>(
			':is(button, a[href], input, select, textarea, summary, [role=button]):not([tabindex="-1"])'
		);
		return [...controls]
			.filter((element) => element.checkVisibility({ opacityProperty: true }) && !element.closest('p'))
			.map((element) => ({ element, box: (element.closest('label') ?? element).getBoundingClientRect() }))
			.filter(({ box }) => box.bottom > 0 && (box.width < finger || box.height < finger))
			.map(({ element, box }) => {
				const name = element.ariaLabel ?? element.textContent.trim();
				return `${name || element.outerHTML.slice(0, 80)} ${Math.round(box.width)}×${Math.round(box.height)}`;
			});
	}, FINGER);
}
