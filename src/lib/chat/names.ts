import type { UsedAdapter } from './records.ts';

/** "Anatomy", or with weights where several are blended: "60 % Anatomy". */
export function adapterLabel(adapter: UsedAdapter, of: readonly UsedAdapter[]): string {
	return of.length > 1 ? `${Math.round(adapter.weight * 100)} % ${adapter.name}` : adapter.name;
}

/** "Nano + Anatomy", for titles and screen readers. */
export function replyLabel(model: string, adapters: readonly UsedAdapter[]): string {
	return [model, ...adapters.map((adapter) => adapterLabel(adapter, adapters))].join(' + ');
}
