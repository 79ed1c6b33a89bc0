import { goto } from '$app/navigation';
import { resolve } from '$app/paths';
import { launchRules } from '../../../contracts/deploy/params.ts';
import { inspector } from '../attribution/inspector.svelte.ts';
import { sandbox } from '../chain/sandbox.ts';
import { session } from '../chain/session.svelte.ts';
import { datanets } from '../datanets/connection.ts';
import type { Engine } from '../engine/engine.svelte.ts';
import { preferences } from '../preferences.svelte.ts';
import type { GuideState } from './facts.svelte.ts';
import type { Task } from './steps.ts';

/** OPEN for 1,000 tokens: a reply costs some tenths, so that shares of it can be read. */
const PRICE = '10';
const DEPOSIT = '150';
/** How long a control is waited for, in milliseconds. */
const PATIENCE = 5_000;

/** Takes the person to where the task is done; nothing is done in their place but moving the sandbox's clock. */
export async function actOn(task: Task, guide: GuideState, engine: Engine): Promise<void> {
	const { datanet = '', run, adapter, reply } = guide;
	switch (task) {
		case 'begin': {
			const name = 'My first rows';
			const id = await datanets((api) => api.create({ name, summary: '' }));
			preferences.values.guide = { open: true, datanet: id };
			return goto(resolve('/datanets/[id]/rows', { id }));
		}
		case 'add':
			return goto(resolve('/datanets/[id]/rows', { id: datanet }));
		case 'choose': {
			const asked = await questions(datanet);
			const query = new URLSearchParams([['datanet', datanet], ...asked.map((each) => ['ask', each])]);
			await goto(`${resolve('/factory/new')}?${query}`);
			return showControl('#start');
		}
		case 'resume':
		case 'training':
			return goto(resolve('/factory/[run]', { run: run?.id ?? '' }));
		case 'keep':
			await goto(resolve('/factory/[run]', { run: run?.id ?? '' }));
			return showControl('#keep button[type=submit]');
		case 'measuring':
			if (!run) return goto(resolve('/adapters'));
			await goto(resolve('/factory/[run]', { run: run.id }));
			return showControl('#keep');
		case 'sandbox':
			return session.leave();
		case 'register':
			return goto(`${resolve('/adapters')}?register=${encodeURIComponent(adapter?.id ?? '')}&price=${PRICE}`);
		case 'deposit':
			return goto(`${resolve('/ledger')}?deposit=${DEPOSIT}`);
		case 'ask':
			if (adapter) engine.adapters.choose([{ id: adapter.id, weight: 1 }]);
			return goto(resolve('/'));
		case 'look':
			if (!reply) return;
			await goto(`${resolve('/')}?c=${reply.conversation}`);
			// The page closes what belongs to the conversation before.
			await new Promise((settled) => setTimeout(settled));
			return inspector.open(reply.id);
		case 'pay':
			await goto(resolve('/ledger'));
			return showControl('#owed button');
		case 'post':
		case 'finalise':
			await goto(resolve('/ledger'));
			return showControl(task === 'post' ? '#roots header button' : '#roots li button');
		case 'wait':
			await sandbox((api) => api.advance(launchRules.window));
			return;
		case 'claim':
			await goto(resolve('/ledger'));
			return showControl('#earned button');
		case 'end':
			return goto(`${resolve('/lineage')}?of=${encodeURIComponent(`reply:${reply?.id ?? ''}`)}`);
	}
}

/** The first rows' questions: they are asked while it learns, and offered in the chat. */
async function questions(datanet: string): Promise<string[]> {
	const view = 'guide';
	await datanets((api) => api.open(datanet));
	await datanets((api) => api.select(datanet, view, {}));
	const rows = await datanets((api) => api.show(datanet, view, 0, 3));
	return rows.flatMap(({ row: { content } }) => (content.kind === 'pair' ? [content.prompt] : []));
}

/** Brings a control into view and puts the focus on it, once it is there and can be used. */
async function showControl(selector: string): Promise<void> {
	const until = performance.now() + PATIENCE;
	for (;;) {
		const found = document.querySelector<HTMLElement>(selector);
		const ready = found && !found.matches(':disabled');
		if (ready || performance.now() > until) {
			found?.scrollIntoView({ block: 'center' });
			found?.focus();
			return;
		}
		await new Promise((resolve) => setTimeout(resolve, 50));
	}
}
