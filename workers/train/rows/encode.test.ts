import { expect, test } from 'vitest';
import { nanoTokenizer } from '#test/support/nano-tokenizer.ts';
import { encodeContent, IGNORED, type Sample } from './encode.ts';

const tokenizer = nanoTokenizer();
const pair = { kind: 'pair', prompt: 'What is a bone?', response: 'Hard tissue.' } as const;

function only(encoded: ReturnType<typeof encodeContent>): Sample {
	if ('refused' in encoded) throw new Error(encoded.refused);
	expect(encoded.samples).toHaveLength(1);
	return encoded.samples[0] as Sample;
}

/** The text that a sample's targets spell, `·` where nothing is learnt. */
function learnt({ targets }: Sample): string {
	let text = '';
	let run: number[] = [];
	const flush = () => {
		text += run.length ? tokenizer.decode(run, { special: true }) : '';
		run = [];
	};
	for (const target of targets) {
		if (target !== IGNORED) run.push(target);
		else {
			flush();
			if (!text.endsWith('·')) text += '·';
		}
	}
	flush();
	return text;
}

test('of a pair the reply and its ending token are learnt, at the positions before them', () => {
	const sample = only(encodeContent(pair, tokenizer, 512));
	expect(tokenizer.decode([...sample.ids], { special: true })).toBe(
		'<|im_start|>user\nWhat is a bone?<|im_end|>\n<|im_start|>assistant\nHard tissue.<|im_end|>'
	);
	expect(learnt(sample)).toBe('·Hard tissue.<|im_end|>·');
	sample.targets.forEach((target, i) => {
		if (target !== IGNORED) expect(target).toBe(sample.ids[i + 1]);
	});
});

test('of a conversation only the assistant’s turns are learnt', () => {
	const sample = only(
		encodeContent(
			{
				kind: 'conversation',
				messages: [
					{ role: 'system', content: 'Be brief.' },
					{ role: 'user', content: 'What is a bone?' },
					{ role: 'assistant', content: 'Hard tissue.' },
					{ role: 'tool', content: 'lookup: cartilage' },
					{ role: 'assistant', content: 'Firm tissue.' },
					{ role: 'user', content: 'Thanks' }
				]
			},
			tokenizer,
			512
		)
	);
	expect(learnt(sample)).toBe('·Hard tissue.<|im_end|>·Firm tissue.<|im_end|>·');
	expect(tokenizer.decode([...sample.ids], { special: true })).not.toContain('Thanks');
});

test('every token of a passage but its first is learnt, across the pieces of a long one too', () => {
	const text = 'The femur is the longest bone. '.repeat(20).trim();
	const encoded = encodeContent({ kind: 'passage', title: 'Femur', text }, tokenizer, 32);
	if ('refused' in encoded) throw new Error(encoded.refused);
	expect(encoded.samples.length).toBeGreaterThan(3);
	const ids = [...tokenizer.encode(`Femur\n\n${text}`), tokenizer.eosIds[0]];
	const learntIds = encoded.samples.flatMap(({ targets }) => [...targets].filter((id) => id !== IGNORED));
	expect(learntIds).toEqual(ids.slice(1));
	for (const sample of encoded.samples) expect(sample.ids.length).toBeLessThanOrEqual(32);
});

test('a conversation that is too long gives up its oldest turns, then the end of its reply', () => {
	const turn = (i: number) => [
		{ role: 'user' as const, content: `Question ${i} about the bones of the hand?` },
		{ role: 'assistant' as const, content: `Reply ${i} about the bones.` }
	];
	const long = encodeContent({ kind: 'conversation', messages: [0, 1, 2, 3].flatMap(turn) }, tokenizer, 64);
	const sample = only(long);
	expect(long).toMatchObject({ shortened: true });
	expect(learnt(sample)).toMatch(
		/^·(Reply 2 about the bones.<\|im_end\|>·)?Reply 3 about the bones.<\|im_end\|>·$/
	);

	const reply = only(encodeContent({ ...pair, response: 'Hard tissue. '.repeat(50) }, tokenizer, 64));
	expect(reply.ids).toHaveLength(64);
	expect(learnt(reply)).not.toContain('<|im_end|>');
});

test('what teaches nothing is refused with the reason', () => {
	const refused = (content: Parameters<typeof encodeContent>[0]) => encodeContent(content, tokenizer, 64);
	expect(refused({ ...pair, response: ' \n' })).toEqual({ refused: 'It has no reply to learn.' });
	expect(refused({ kind: 'passage', text: ' ' })).toEqual({ refused: 'It is empty.' });
	expect(refused({ ...pair, prompt: 'bone '.repeat(100) })).toMatchObject({
		refused: expect.stringContaining('Its question has') as string
	});
});

test('broken Unicode becomes tokens all the same', () => {
	const sample = only(encodeContent({ ...pair, response: 'Hard \uD83D tissue \u0000.' }, tokenizer, 512));
	expect(learnt(sample)).toContain('Hard \uFFFD tissue');
});

test('a template that changes the past has only its last reply learnt', () => {
	const forgetful = {
		...tokenizer,
		applyChatTemplate: (
			messages: readonly { role: string; content: string }[],
			options: { addGenerationPrompt: boolean }
		) => {
			const last = messages.findLastIndex(({ role }) => role === 'assistant');
			return (
				messages
					.map(({ role, content }, i) => `${role}: ${role === 'assistant' && i < last ? 'past' : content}\n`)
					.join('') + (options.addGenerationPrompt ? 'assistant: ' : '')
			);
		}
	};
	const sample = only(
		encodeContent(
			{
				kind: 'conversation',
				messages: [
					{ role: 'user', content: 'One?' },
					{ role: 'assistant', content: 'First.' },
					{ role: 'user', content: 'Two?' },
					{ role: 'assistant', content: 'Second.' },
					{ role: 'user', content: 'Three?' },
					{ role: 'assistant', content: 'Third.' }
				]
			},
			forgetful,
			512
		)
	);
	expect(learnt(sample)).toMatch(/^·Third\.\n?<\|/);
});
