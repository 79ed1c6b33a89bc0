import type { Content, Message } from '#workers/datanets/contribution.ts';
import { OpenLedgerError } from '#workers/errors.ts';
import type { Tokenizer } from '#workers/models/tokenizer/tokenizer.ts';
import type { ChatMessage } from '#workers/protocol.ts';

/** Target of a position whose next token is not learnt: PyTorch's `ignore_index`. */
export const IGNORED = -100;

/** A token sequence to learn from. */
export interface Sample {
	/** Token ids. */
	ids: Int32Array;
	/** For each position the token that follows it, or `IGNORED`. */
	targets: Int32Array;
	/** The same with its question in other words; every epoch takes one of them or the sample itself. */
	variants?: Sample[];
}

export type Encoded = { samples: Sample[]; shortened: boolean } | { refused: string };

/** Tokens of a reply that are at least kept of a row that is too long, or the row teaches nothing. */
const LEAST_REPLY = 4;

/** A text, and whether its tokens are learnt. */
interface Piece {
	ids: number[];
	learnt: boolean;
}

/**
 * A contribution as the model sees it: prompts and conversations through its chat template with the loss on the
 * assistant's turns alone (their ending token included), passages as they stand with the loss on every token.
 *
 * A passage longer than `maxLength` becomes several samples. A conversation gives up its oldest turns, then the end of its
 * last reply; one whose question alone is too long is refused.
 */
export function encodeContent(content: Content, tokenizer: Tokenizer, maxLength: number): Encoded {
	if (content.kind === 'passage') return encodePassage(content, tokenizer, maxLength);
	const messages = messagesOf(content);
	if (!messages.some(({ role }) => role === 'assistant')) return { refused: 'It has no reply to learn.' };
	try {
		return encodeConversation(messages, tokenizer, maxLength);
	} catch (error) {
		if (error instanceof OpenLedgerError && error.code === 'prompt/refused')
			return { refused: error.message };
		throw error;
	}
}

/** The conversation that a row stands for. A tool's answer is something the assistant was told: a user's turn. */
export function messagesOf(content: Exclude<Content, { kind: 'passage' }>): ChatMessage[] {
	const messages: Message[] =
		content.kind === 'conversation'
			? content.messages
			: [
					...(content.system ? [{ role: 'system' as const, content: content.system }] : []),
					{ role: 'user', content: content.prompt },
					{ role: 'assistant', content: content.response }
				];
	return messages
		.map(({ role, content: text }) => ({
			role: role === 'tool' ? ('user' as const) : role,
			content: text.toWellFormed()
		}))
		.filter(({ role, content: text }) => role !== 'assistant' || text.trim() !== '');
}

function encodePassage(
	{ title, text }: Extract<Content, { kind: 'passage' }>,
	tokenizer: Tokenizer,
	maxLength: number
): Encoded {
	const whole = [title, text].filter(Boolean).join('\n\n').toWellFormed();
	const ids = tokenizer.encode(whole, { special: true });
	const [end] = tokenizer.eosIds;
	if (end !== undefined && ids.at(-1) !== end) ids.push(end);
	const samples: Sample[] = [];
	// The last token of a piece begins the next: every token but the first is learnt once.
	for (let from = 0; from + 1 < ids.length; from += maxLength - 1)
		samples.push(toSample([{ ids: ids.slice(from, from + maxLength), learnt: true }]));
	return whole.trim() === '' || samples.length === 0
		? { refused: 'It is empty.' }
		: { samples, shortened: false };
}

function encodeConversation(
	messages: readonly ChatMessage[],
	tokenizer: Tokenizer,
	maxLength: number
): Encoded {
	const system = messages.filter(({ role }) => role === 'system');
	let turns = messages.filter(({ role }) => role !== 'system');
	// What follows the last reply teaches nothing.
	turns = turns.slice(0, turns.findLastIndex(({ role }) => role === 'assistant') + 1);
	let shortened = false;
	for (;;) {
		const pieces = conversationPieces([...system, ...turns], tokenizer);
		if (lengthOf(pieces) <= maxLength) return { samples: [toSample(pieces)], shortened };
		shortened = true;
		const next = turns.findIndex(({ role }, i) => i > 0 && role === 'user');
		if (next > 0) {
			turns = turns.slice(next);
			continue;
		}
		const reply = pieces.findLast(({ learnt }) => learnt);
		const before = lengthOf(pieces.slice(0, reply && pieces.indexOf(reply)));
		if (!reply || before + LEAST_REPLY > maxLength)
			return { refused: `Its question has ${before} tokens; with a reply ${maxLength} fit.` };
		reply.ids = reply.ids.slice(0, maxLength - before);
		return { samples: [toSample(pieces.slice(0, pieces.indexOf(reply) + 1))], shortened };
	}
}

/**
 * The conversation's text cut where replies begin and end. Prompt and reply are tokenised apart, as they are when the model
 * writes. Templates that render the past differently from the present (leaving out its reasoning) cannot be
 * cut so: then only the last reply is learnt.
 */
function conversationPieces(messages: readonly ChatMessage[], tokenizer: Tokenizer): Piece[] {
	const replies = messages.flatMap(({ role }, i) => (role === 'assistant' ? [i] : []));
	return (
		cut(messages, replies, tokenizer) ??
		cut(messages, replies.slice(-1), tokenizer) ??
		plain(messages, tokenizer)
	);
}

function cut(
	messages: readonly ChatMessage[],
	replies: readonly number[],
	tokenizer: Tokenizer
): Piece[] | undefined {
	const render = (count: number, addGenerationPrompt: boolean) =>
		tokenizer.applyChatTemplate(messages.slice(0, count), { addGenerationPrompt });
	const pieces: Piece[] = [];
	let done = '';
	for (const reply of replies) {
		const before = render(reply, true);
		const after = render(reply + 1, false);
		if (!before.startsWith(done) || !after.startsWith(before)) return undefined;
		pieces.push({ ids: tokenizer.encode(before.slice(done.length)), learnt: false });
		pieces.push(...replyPieces(tokenizer.encode(after.slice(before.length)), tokenizer));
		done = after;
	}
	return pieces;
}

/** A template that cannot be cut at all: the prompt as it is asked, the reply as it stands. */
function plain(messages: readonly ChatMessage[], tokenizer: Tokenizer): Piece[] {
	const before = tokenizer.applyChatTemplate(messages.slice(0, -1), { addGenerationPrompt: true });
	return [
		{ ids: tokenizer.encode(before), learnt: false },
		...replyPieces(tokenizer.encode(messages.at(-1)?.content ?? ''), tokenizer)
	];
}

/** The reply with its ending token, which is learnt, and what the template puts behind that, which is not. */
function replyPieces(ids: number[], { eosIds }: Tokenizer): Piece[] {
	const end = ids.findIndex((id) => eosIds.includes(id));
	if (end >= 0)
		return [
			{ ids: ids.slice(0, end + 1), learnt: true },
			{ ids: ids.slice(end + 1), learnt: false }
		];
	const [ending] = eosIds;
	return [{ ids: ending === undefined ? ids : [...ids, ending], learnt: true }];
}

function lengthOf(pieces: readonly Piece[]): number {
	return pieces.reduce((sum, { ids }) => sum + ids.length, 0);
}

function toSample(pieces: readonly Piece[]): Sample {
	// Behind the last learnt token nothing is predicted.
	const last = pieces.findLastIndex(({ learnt }) => learnt);
	const used = pieces.slice(0, last + 1);
	const ids = Int32Array.from(used.flatMap((piece) => piece.ids));
	const targets = new Int32Array(ids.length).fill(IGNORED);
	let at = 0;
	for (const { ids: part, learnt } of used) {
		for (const [i, id] of part.entries()) if (learnt && at + i > 0) targets[at + i - 1] = id;
		at += part.length;
	}
	return { ids, targets };
}
