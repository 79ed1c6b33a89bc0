import { WHOLE } from '#workers/attribution/receipts/shares.ts';
import { locale } from '../i18n/locale.ts';
import { percent, withoutMarks } from '../attribution/words.ts';
import { exactly, openAmount, shorten, wholeAmount } from '../chain/amounts.ts';
import { day, plural } from '../ui/format.ts';
import type { Kind } from './facts.ts';
import type { Link, Node, Relation } from './lineage.ts';

/** What a person reads of a lineage. Names and texts come from anywhere and are cut to a length that a card can hold. */

export const KIND_NAMES: Record<Kind, string> = {
	contributor: 'Person',
	row: 'Row',
	datanet: 'Datanet',
	base: 'Base model',
	adapter: 'Adapter',
	reply: 'Answer',
	receipt: 'Receipt',
	settlement: 'Payment',
	reward: 'Reward'
};

/** Over makers, and over what came of them. */
export const RELATIONS: Record<Relation, { maker: string; made: string }> = {
	gave: { maker: 'Given by', made: 'Rows they gave' },
	corrected: { maker: 'Corrects', made: 'Corrected by' },
	holds: { maker: 'Rows in it', made: 'Stands in' },
	taught: { maker: 'Learnt from', made: 'What learnt it' },
	carries: { maker: 'Built on', made: 'Built on it' },
	continued: { maker: 'Goes on from', made: 'Continued by' },
	wrote: { maker: 'Written by', made: 'Answers it wrote' },
	moved: { maker: 'Rows that moved it', made: 'Answers it moved' },
	measured: { maker: 'Receipt of', made: 'Its receipt' },
	paid: { maker: 'Pays for', made: 'Paid in' },
	earned: { maker: 'Earned by', made: 'Who was paid' },
	belongs: { maker: 'Paid by', made: 'Belongs to' }
};

/** What is said where nothing is known that a thing was made of. */
export const NO_MAKERS: Record<Kind, string> = {
	contributor:
		'No number on the chain pays this address. Registered contributors are paid by what uses their rows.',
	row: 'Nothing on this device says who gave it.',
	datanet:
		'Its rows are not on this device. Those of an adapter from elsewhere show once they moved an answer.',
	base: 'What it was trained on is not recorded: nothing that the base says by itself is credited to anybody.',
	adapter: 'It came without a manifest that says what it was made of.',
	reply: 'What wrote it is not on this device any more.',
	receipt: 'Its answer was deleted, or was written on another device.',
	settlement: 'Its receipts are with who paid; the chain holds their hashes alone.',
	reward: 'Nothing was paid to it yet. Settled payments show here.'
};

/** What to do where nothing came of a thing yet. */
export const NOTHING_YET: Record<Kind, string> = {
	contributor: 'No row of theirs is known on this device.',
	row: 'Nothing yet: no Datanet version, no adapter that learnt it, no answer that it moved.',
	datanet: 'No adapter on this device has learnt it. Train one in the Factory.',
	base: 'No adapter on this device is built on it.',
	adapter: 'It has written no answer yet. Choose it in the chat and ask something.',
	reply: 'It has no receipt: it was not measured yet, or the base model alone wrote it.',
	receipt: 'It is not paid: nothing is owed for it, or it waits on the tab until you pay.',
	settlement: 'Whom it paid is known once it is on the chain and the books of its network have been read.',
	reward: 'It belongs to nobody in particular: pools are shared by who stakes, the treasury is governed.'
};

const cut = (text: string, most = 160) =>
	text.length > most ? `${text.slice(0, most - 1).toWellFormed()}…` : text;
const hash = (id: string) => (/^(0x)?[0-9a-f]{40,64}$/.test(id) ? shorten(id) : cut(id, 40));
/** What a thing is called. */
export function titleOf(node: Node): string {
	switch (node.kind) {
		case 'contributor':
			return node.facts.isMe ? 'You' : cut(node.facts.name ?? hash(node.id), 60);
		case 'row':
			return cut(node.facts.text || `Row ${hash(node.id)}`);
		case 'reply':
			return cut(withoutMarks(node.facts.text.slice(0, 400)) || 'An answer without words');
		case 'receipt':
			return `Receipt ${hash(node.id)}`;
		case 'settlement':
			return node.facts.batch === undefined ? 'Payment on its way' : `Payment ${node.facts.batch}`;
		case 'base':
			return cut(node.facts.name || `Base ${hash(node.id)}`, 80);
		default:
			return cut(node.facts.name || hash(node.id), 80);
	}
}

/** The line under it. */
export function detailOf(node: Node): string {
	switch (node.kind) {
		case 'contributor':
			if (!node.id.startsWith('0x')) return 'known by a number only';
			return titleOf(node) === hash(node.id) ? 'known by an address only' : hash(node.id);
		case 'row':
			return node.facts.contributor
				? node.facts.contributor.isMe
					? 'by you'
					: `by ${titleOf({ kind: 'contributor', id: node.facts.contributor.id, facts: node.facts.contributor })}`
				: 'Its words are not on this device';
		case 'datanet':
			return (
				node.facts.note || (node.facts.rows === undefined ? '' : plural(node.facts.rows, ['row', 'rows']))
			);
		case 'base':
			return hash(node.id);
		case 'adapter':
			return node.facts.entry === undefined
				? 'not on this device'
				: cut(
						node.facts.author ? `by ${node.facts.author}` : `on ${node.facts.base?.name ?? 'a base model'}`,
						60
					);
		case 'reply':
			return [node.facts.adapters.map(({ name }) => cut(name, 40)).join(' + '), day(node.facts.time)]
				.filter(Boolean)
				.join(', ');
		case 'receipt':
			return node.facts.amount === undefined
				? 'measured; nothing is owed by it'
				: node.facts.amount === 0n
					? 'free'
					: `${openAmount(node.facts.amount)} OPEN`;
		case 'settlement':
			return `${openAmount(node.facts.amount)} OPEN, ${day(node.facts.time)}`;
		case 'reward':
			return node.facts.sums ? `${openAmount(node.facts.sums.claimable)} OPEN to claim` : '';
	}
}

export interface Fact {
	name: string;
	value: string;
	/** All of it, to be seen and copied. */
	full?: string;
}

/** What is known of a thing, for the middle. */
export function factsOf(node: Node): Fact[] {
	const facts: (Fact | undefined)[] = [];
	const say = (name: string, value: string | undefined, full?: string) =>
		facts.push(value ? { name, value, full } : undefined);
	const open = (name: string, wei: bigint | undefined) =>
		wei !== undefined && say(name, `${openAmount(wei)} OPEN`, exactly(wei));
	const id = (name: string) => say(name, hash(node.id), node.id);
	switch (node.kind) {
		case 'contributor':
			id(node.id.startsWith('0x') ? 'Address' : 'Known as');
			say('Number on the chain', node.facts.numbers?.join(', '));
			break;
		case 'row':
			say('Licence', cut(node.facts.licence ?? ''));
			say('Source', cut(node.facts.source ?? ''));
			say('Given', node.facts.time === undefined ? undefined : day(node.facts.time));
			id('Row');
			break;
		case 'datanet':
			say('Rows', node.facts.rows?.toLocaleString(locale));
			say('Version', node.facts.note);
			say('Frozen', node.facts.note !== undefined && node.facts.time ? day(node.facts.time) : undefined);
			if (node.facts.published) {
				const { network, datanet, version } = node.facts.published;
				say('Published', `Datanet ${datanet}, version ${version}, on ${network}`);
			}
			if (node.id.startsWith('0x')) id('Hash');
			break;
		case 'base':
			id('SHA-256');
			break;
		case 'adapter':
			say('By', cut(node.facts.author ?? ''));
			say('Licence', cut(node.facts.licence ?? ''));
			id('SHA-256 of its weights');
			break;
		case 'reply': {
			const { parts, rows } = node.facts;
			say('Written', day(node.facts.time), new Date(node.facts.time).toLocaleString(locale));
			if (parts) {
				say('From people’s rows', percent(parts.contributors, WHOLE));
				say('The base model’s own', percent(parts.base, WHOLE));
				say('Nobody’s in particular', percent(parts.unattributed, WHOLE));
				say('Rows', rows.length.toLocaleString(locale));
			}
			break;
		}
		case 'receipt':
			say('Adapter', cut(node.facts.adapter, 60));
			say('Tokens', node.facts.tokens.toLocaleString(locale));
			say('Owed', node.facts.amount === undefined ? 'nothing by this one' : undefined);
			open(node.facts.settlement ? 'Paid' : 'Owed', node.facts.amount);
			id('Receipt');
			break;
		case 'settlement': {
			const { amount, payer, weighted, final, transaction, model } = node.facts;
			// What it was shared out to stands beside it, and is to add up.
			say('Amount', `${wholeAmount(amount)} OPEN`, exactly(amount));
			say('By', hash(payer), payer);
			say('For', `model ${model}`);
			say('Contributors are paid', weighted ? 'by measured weights' : 'by fixed shares');
			say('State', final === undefined ? undefined : final ? 'in a final root' : 'in no final root yet');
			say('Transaction', transaction && hash(transaction), transaction);
			break;
		}
		case 'reward':
			open('To claim now', node.facts.sums?.claimable);
			open('On its way', node.facts.sums?.pending);
			open('Claimed so far', node.facts.sums?.claimed);
			say('Reward key', `${node.facts.key}`);
			break;
	}
	return facts.filter((fact) => fact !== undefined);
}

/** What is said of a neighbour beside what the link measures: not the same amount twice. */
export function detailBeside({ node, wei }: Link): string {
	return node.kind === 'receipt' && wei !== undefined && wei === node.facts.amount ? '' : detailOf(node);
}

/** A share of a reply and an amount, as far as a link has them. */
export function measureOf({ share, wei }: { share?: number; wei?: bigint }): string {
	return [share === undefined ? '' : percent(share), wei === undefined ? '' : `${openAmount(wei)} OPEN`]
		.filter(Boolean)
		.join(', ');
}
