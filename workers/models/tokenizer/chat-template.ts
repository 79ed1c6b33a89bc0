import { Environment, Interpreter, Template } from '@huggingface/jinja';
import { OpenLedgerError } from '#workers/errors.ts';
import type { ChatMessage } from '#workers/protocol.ts';

/** Far above what real templates need (Qwen3's, 1,000 messages: about 60,000 steps), far below a hung worker. */
const limits = {
	templateCharacters: 256 * 1024,
	steps: 300_000,
	characters: 64_000_000,
	elements: 100_000
};

export interface ChatTemplateOptions {
	/** Ends in the opening of the assistant's turn. */
	addGenerationPrompt: boolean;
	/** For models that can think before they answer (Qwen3); undefined leaves it to the template. */
	enableThinking?: boolean;
}

/**
 * A model's Jinja chat template. It comes from outside, so it runs with a budget of steps, text and array elements.
 * Semantics: `apply_chat_template` of Hugging Face transformers.
 */
export class ChatTemplate {
	readonly #template: Template;
	readonly #specialTokens: Record<string, string>;

	/**
	 * @param specialTokens `bos_token`, `eos_token`, … as the template sees them
	 * @throws OpenLedgerError `tokenizer/malformed`
	 */
	constructor(source: string, specialTokens: Record<string, string> = {}) {
		try {
			if (source.length > limits.templateCharacters) throw new Error('it is too long');
			this.#template = new Template(source);
		} catch (error) {
			throw malformed(error);
		}
		this.#specialTokens = specialTokens;
	}

	/**
	 * The conversation as one text, special tokens included.
	 * @throws OpenLedgerError `prompt/refused` when the template rejects it, `tokenizer/malformed` when it fails
	 */
	render(
		messages: readonly ChatMessage[],
		{ addGenerationPrompt, enableThinking }: ChatTemplateOptions
	): string {
		const environment = new Environment();
		const variables: Record<string, unknown> = {
			...globals,
			...this.#specialTokens,
			messages: messages.map(({ role, content }) => ({ role, content })),
			add_generation_prompt: addGenerationPrompt
		};
		if (enableThinking !== undefined) variables.enable_thinking = enableThinking;
		for (const [name, value] of Object.entries(variables)) environment.set(name, value);
		try {
			return String(new BoundedInterpreter(environment).run(this.#template.parsed).value);
		} catch (error) {
			throw error instanceof OpenLedgerError ? error : malformed(error);
		}
	}
}

type Evaluate = Interpreter['evaluate'];

class BoundedInterpreter extends Interpreter {
	#steps = 0;
	#characters = 0;

	override evaluate(...[statement, environment]: Parameters<Evaluate>): ReturnType<Evaluate> {
		if (++this.#steps > limits.steps) throw new Error('it takes too many steps');
		const result = super.evaluate(statement, environment);
		const { value } = result;
		if (typeof value === 'string') this.#characters += value.length;
		if (this.#characters > limits.characters) throw new Error('it makes too much text');
		if (Array.isArray(value) && value.length > limits.elements) throw new Error('it makes too long a list');
		return result;
	}
}

/** As Jinja and transformers offer them; `range` bounded, `strftime_now` in English whatever the browser's language. */
const globals = {
	true: true,
	True: true,
	false: false,
	False: false,
	none: null,
	None: null,
	range(start: number, stop?: number, step = 1): number[] {
		const [from, to] = stop === undefined ? [0, start] : [start, stop];
		const length = Math.max(0, Math.ceil((to - from) / step));
		if (!(length <= limits.elements)) throw new Error('it makes too long a list');
		return Array.from({ length }, (_, i) => from + i * step);
	},
	strftime_now(format: string): string {
		const now = new Date();
		const month = (style: 'short' | 'long') => now.toLocaleString('en-GB', { month: style });
		const two = (value: number) => String(value).padStart(2, '0');
		const parts: Record<string, string> = {
			Y: String(now.getFullYear()),
			m: two(now.getMonth() + 1),
			d: two(now.getDate()),
			// en-GB shortens September to Sept.
			b: month('short').slice(0, 3),
			B: month('long'),
			H: two(now.getHours()),
			M: two(now.getMinutes()),
			S: two(now.getSeconds()),
			'%': '%'
		};
		return format.replace(/%([YmdbBHMS%])/g, (token, letter: string) => parts[letter] ?? token);
	},
	raise_exception(reason: unknown): never {
		throw new OpenLedgerError(
			'prompt/refused',
			`The model does not take this conversation: ${String(reason).slice(0, 200)}`,
			{ remedy: 'Change the order or the kind of the messages, or start a new conversation.' }
		);
	}
};

function malformed(cause: unknown): OpenLedgerError {
	const reason = cause instanceof Error ? cause.message : String(cause);
	return new OpenLedgerError(
		'tokenizer/malformed',
		`The model's chat template does not work: ${reason.slice(0, 200)}.`,
		{
			remedy: 'Use another model, or tell its authors.',
			cause
		}
	);
}
