import type { Content, Message } from '#workers/datanets/contribution.ts';
import { datanets } from '../connection.ts';
import { db } from '../db.svelte.ts';

/** What someone says of a reply, on its way to becoming a row. */
export interface Feedback {
	/** The conversation up to the reply, which comes last, and what it answers before it. */
	messages: Message[];
	/** Who wrote the reply. */
	by: string;
}

/** Where a draft waits. */
export interface Draft {
	datanet: { id: string; name: string };
	place?: { review: `0x${string}`; index: number };
}

const REMEMBERED = 'openledger.feedback';
/** The Datanet that is made where nobody has chosen one. */
export const FEEDBACK_DATANET = 'Feedback from chats';

/** Id of the Datanet that feedback went to the last time, if it is still here. */
export async function rememberedTarget(): Promise<string> {
	const id = localStorage.getItem(REMEMBERED) ?? '';
	return (await db.datanets.get(id))?.id ?? '';
}

/** A thumb: the reply as it is and its question become a draft row. */
export async function praise(feedback: Feedback): Promise<Draft> {
	return keep(await rememberedTarget(), contentOf(feedback.messages), feedback.by, 'good-reply');
}

export interface Correction {
	question: string;
	answer: string;
	/** With the turns before it. Their replies are learnt too, and credited to who gives the row. */
	whole: boolean;
}

/** "It should be …": a draft row with the better reply. */
export async function correctReply(
	target: string,
	{ messages, by }: Feedback,
	correction: Correction
): Promise<Draft> {
	const corrected: Message[] = [
		...messages.slice(0, -2),
		{ role: 'user', content: correction.question },
		{ role: 'assistant', content: correction.answer }
	];
	return keep(target, contentOf(corrected, correction.whole), by, 'corrected-reply');
}

/** Takes a draft back, with its reason for whoever sees the queue. */
export async function takeBack({ datanet, place }: Draft): Promise<void> {
	const reason = 'Taken back at once';
	if (place) await datanets((api) => api.reject(datanet.id, place.review, [place.index], reason));
}

/**
 * The question and its answer, or all turns. Of those every reply would be learnt, also ones of the model that nobody has judged: a
 * row is the last two unless a person says otherwise.
 */
function contentOf(messages: Message[], whole = false): Content {
	const [question, answer] = messages.slice(-2);
	return question && answer && !(whole && messages.length > 2)
		? { kind: 'pair', prompt: question.content, response: answer.content }
		: { kind: 'conversation', messages };
}

async function keep(target: string, content: Content, by: string, tag: string): Promise<Draft> {
	const id = target || (await feedbackDatanet());
	localStorage.setItem(REMEMBERED, id);
	const datanet = await db.datanets.get(id);
	const row = {
		content,
		licence: datanet?.licences[0] ?? '',
		source: `Chat with ${by}`,
		language: '',
		tags: ['feedback', tag]
	};
	const from = 'Feedback in chat';
	const place = await datanets((api) => api.propose(id, row, from));
	const name = datanet?.name ?? FEEDBACK_DATANET;
	return { datanet: { id, name }, ...(place ? { place } : {}) };
}

async function feedbackDatanet(): Promise<string> {
	const known = await db.datanets.filter(({ name }) => name === FEEDBACK_DATANET).first();
	const summary = 'Replies that were good, and what others should have been.';
	return known?.id ?? datanets((api) => api.create({ name: FEEDBACK_DATANET, summary }));
}
