import { preferences } from '../preferences.svelte.ts';

/** The agent that speaks: the one that was taken last, while its adapter is among those in use. */
export function agentOf(adapters: readonly { id: string }[]) {
	const { agent } = preferences.values;
	return agent && adapters.some(({ id }) => id === agent.adapter) ? agent : undefined;
}
