import { readFileSync } from 'node:fs';

const ICON = /@lucide\/svelte\/dist\/icons\/[\w-]+\.svelte$/;

/**
 * Lucide's icons as plain markup. As they come, every path of each is a dynamic element with spread attributes: a third of the
 * time that a page took to come to life went into its icons (docs/decisions/first-paint.md).
 * @returns {import('vite').Plugin}
 */
export function icons() {
	return {
		name: 'openledger:icons',
		enforce: 'pre',
		load(id) {
			if (!ICON.test(id)) return null;
			const data = /const iconData = (\{.*\});/.exec(readFileSync(id, 'utf8'))?.[1];
			if (!data) throw new Error(`${id} has no icon where it was.`);
			/** @type {[tag: string, attributes: Record<string, string>][]} */
			const nodes = JSON.parse(data).node;
			const text = (/** @type {string} */ value) => value.replaceAll('"', '&quot;');
			const shapes = nodes.map(
				([tag, attributes]) =>
					`<${tag} ${Object.entries(attributes)
						.map(([name, value]) => `${name}="${text(value)}"`)
						.join(' ')} />`
			);
			return `<script>
				const { size = 24, strokeWidth = 2, fill = 'none', 'aria-label': label } = $props();
			</script>
			<svg
				class="lucide"
				xmlns="http://www.w3.org/2000/svg"
				width={size}
				height={size}
				viewBox="0 0 24 24"
				{fill}
				stroke="currentColor"
				stroke-width={strokeWidth}
				stroke-linecap="round"
				stroke-linejoin="round"
				role={label ? 'img' : undefined}
				aria-label={label}
				aria-hidden={label ? undefined : 'true'}>${shapes.join('')}</svg>`;
		}
	};
}
