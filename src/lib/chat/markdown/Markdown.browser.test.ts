import { expect, test } from 'vitest';
import { render } from 'vitest-browser-svelte';
import Host from '#test/support/Host.svelte';
import Markdown from './Markdown.svelte';

type Text = { text: string; streaming?: boolean };
const draw = (props: Text) => render(Host<Text>, { props: { subject: Markdown, with: props } });

const hostile = `<img src=x onerror="window.harmed = true"><script>window.harmed = true</script>

![pixel](https://evil.example/pixel.png)

[click](javascript:window.harmed=true) [ok](https://a.example/path)

<svg onload="window.harmed = true"></svg> <style>* { display: none }</style>

| <iframe src="https://evil.example"> | b |
| --- | --- |
| <b>x</b> | [y](data:text/html,x) |
`;

test('a hostile reply makes no element that could act or load, and links that say where they lead', async () => {
	const { container } = await draw({ text: hostile });
	expect(
		container.querySelectorAll('img, script, svg:not(.lucide), style, iframe, object, form, b')
	).toHaveLength(0);
	const links = [...container.querySelectorAll('a')];
	expect(links).toHaveLength(1);
	expect(links[0]?.rel).toBe('noopener noreferrer nofollow');
	expect(links[0]?.target).toBe('_blank');
	expect(links[0]?.textContent).toBe('ok (a.example)');
	expect(container.textContent).toContain('<script>');
	expect('harmed' in window).toBe(false);
});

test('while a reply grows, finished blocks keep their nodes', async () => {
	const screen = await draw({ text: 'First paragraph.\n\n- one\n- tw', streaming: true });
	const first = screen.container.querySelector('p');
	const list = screen.container.querySelector('ul');
	await screen.rerender({
		with: { text: 'First paragraph.\n\n- one\n- two\n\n```js\nlet x', streaming: true }
	});
	await expect.poll(() => screen.container.querySelector('pre')?.textContent).toBe('let x');
	const items = [...screen.container.querySelectorAll('li')];
	expect(screen.container.querySelector('p')).toBe(first);
	expect(screen.container.querySelector('ul')).toBe(list);
	await screen.rerender({
		with: {
			text: 'First paragraph.\n\n- one\n- two\n\n```js\nlet x = 1;\n```\n\nEnd.',
			streaming: false
		}
	});
	expect(screen.container.querySelector('p')).toBe(first);
	expect([...screen.container.querySelectorAll('li')]).toEqual(items);
	expect(screen.container.textContent).toContain('End.');
});

test('text in code blocks is copied as it was written', async () => {
	const screen = await draw({ text: '```\na < b && c\n  d\n```' });
	expect(screen.container.querySelector('code')?.textContent).toBe('a < b && c\n  d');
	await expect.element(screen.getByRole('button', { name: 'Copy code' })).toBeVisible();
});
