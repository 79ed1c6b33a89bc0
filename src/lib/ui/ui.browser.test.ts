import { expect, test, vi } from 'vitest';
import { render } from 'vitest-browser-svelte';
import Notice from './Notice.svelte';
import ProvenanceBar from './ProvenanceBar.svelte';
import Toaster from './Toaster.svelte';
import { toasts } from './toasts.svelte.ts';

test('the provenance bar says its parts in order, and draws each as wide as its share', async () => {
	const screen = await render(ProvenanceBar, {
		label: 'This reply',
		shares: [
			{ label: 'Base', share: 0.5, ink: 'base' },
			{ label: 'Ada', share: 0.3, ink: 0 },
			{ label: 'Nobody', share: 0, ink: 1 },
			{ label: 'Unattributed', share: 0.2, ink: 'unattributed' }
		]
	});
	const bar = screen.getByRole('img');
	await expect
		.element(bar)
		.toHaveAccessibleName('This reply: Base 50 %, Ada 30 %, Nobody 0 %, Unattributed 20 %');
	const parts = [...bar.element().children];
	const total = parts.reduce((sum, part) => sum + part.getBoundingClientRect().width, 0);
	expect(parts.map((part) => Math.round((10 * part.getBoundingClientRect().width) / total))).toEqual([
		5, 3, 2
	]);
	expect(parts.at(-1)?.className).toContain('hatched');
});

test('an undone deletion is never carried out; one that is left alone is, once', async () => {
	vi.useFakeTimers();
	const screen = await render(Toaster);
	const [undo, commit, kept] = [vi.fn(), vi.fn(), vi.fn()];
	toasts.undoable('“A” was deleted.', undo, commit);
	toasts.undoable('“B” was deleted.', vi.fn(), kept);
	await vi.advanceTimersByTimeAsync(10);
	screen.container.querySelector<HTMLElement>('.toast .button')?.click();
	await vi.advanceTimersByTimeAsync(60_000);
	expect(undo).toHaveBeenCalledOnce();
	expect(commit).not.toHaveBeenCalled();
	expect(kept).toHaveBeenCalledOnce();
	vi.useRealTimers();
});

test('leaving the page carries out what could have been undone', async () => {
	await render(Toaster);
	const commit = vi.fn();
	toasts.undoable('“C” was deleted.', vi.fn(), commit);
	dispatchEvent(new Event('pagehide'));
	expect(commit).toHaveBeenCalledOnce();
});

test('an error is announced, and its facts are folded away', async () => {
	const screen = await render(Notice, {
		tone: 'danger',
		title: 'It did not work.',
		text: 'Try again.',
		details: { code: 'x/y' }
	});
	await expect.element(screen.getByRole('alert')).toBeVisible();
	expect(screen.container.textContent).toContain('Try again.');
	await expect.element(screen.getByText('x/y')).not.toBeVisible();
	await screen.getByText('Details').click();
	await expect.element(screen.getByText('x/y')).toBeVisible();
});
