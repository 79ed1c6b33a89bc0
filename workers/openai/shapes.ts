import type { Completion, TokenLogProb } from '#workers/protocol.ts';

/** How one kind of call writes replies down. */
export interface Shape {
	/** What ids begin with. */
	prefix: string;
	/** `object` of a whole answer, and of a piece of one that is streamed. */
	object: string;
	chunk: string;
	/** A whole reply. */
	choice(index: number, reply: Completion): object;
	/** A piece of a reply. */
	piece(index: number, text: string, tokens: TokenLogProb[] | undefined, first: boolean): object;
	/** The end of a reply, with the tokens that no piece told of. */
	end(index: number, reply: Completion, tokens: TokenLogProb[] | undefined): object;
}

/** OpenAI's `finish_reason` for each way a reply can end. */
const reasons: Record<Completion['finish'], 'stop' | 'length'> = {
	stop: 'stop',
	length: 'length',
	context: 'length',
	cancelled: 'stop'
};

/** platform.openai.com/docs/api-reference/chat/object and …/chat/streaming */
export const chatShape: Shape = {
	prefix: 'chatcmpl-',
	object: 'chat.completion',
	chunk: 'chat.completion.chunk',
	choice: (index, { text, finish, logProbs }) => ({
		index,
		message: { role: 'assistant', content: text, refusal: null },
		logprobs: chatLogProbs(logProbs),
		finish_reason: reasons[finish]
	}),
	piece: (index, content, tokens, first) => ({
		index,
		delta: { ...(first && { role: 'assistant' }), content },
		logprobs: chatLogProbs(tokens),
		finish_reason: null
	}),
	end: (index, { finish }, tokens) => ({
		index,
		delta: {},
		logprobs: chatLogProbs(tokens),
		finish_reason: reasons[finish]
	})
};

/** platform.openai.com/docs/api-reference/completions/object */
export const textShape: Shape = {
	prefix: 'cmpl-',
	object: 'text_completion',
	chunk: 'text_completion',
	choice: (index, { text, finish, logProbs }) => ({
		index,
		text,
		logprobs: textLogProbs(logProbs),
		finish_reason: reasons[finish]
	}),
	piece: (index, text, tokens) => ({ index, text, logprobs: textLogProbs(tokens), finish_reason: null }),
	end: (index, { finish }, tokens) => ({
		index,
		text: '',
		logprobs: textLogProbs(tokens),
		finish_reason: reasons[finish]
	})
};

function chatLogProbs(tokens: TokenLogProb[] | undefined) {
	if (!tokens) return null;
	const tell = ({ text, logProb }: Pick<TokenLogProb, 'text' | 'logProb'>) => ({
		token: text,
		logprob: logProb,
		// Of a token that is half a character the text does not say which bytes.
		bytes: text.includes('\uFFFD') ? null : [...new TextEncoder().encode(text)]
	});
	const content = tokens.map((token) => ({ ...tell(token), top_logprobs: token.likeliest.map(tell) }));
	return { content, refusal: null };
}

/** `text_offset` is left out: it counts from the start of the prompt, and pieces do not know where they stand. */
function textLogProbs(tokens: TokenLogProb[] | undefined) {
	if (!tokens) return null;
	return {
		tokens: tokens.map(({ text }) => text),
		token_logprobs: tokens.map(({ logProb }) => logProb),
		top_logprobs: tokens.map(({ likeliest }) =>
			Object.fromEntries(likeliest.map(({ text, logProb }) => [text, logProb]))
		)
	};
}
