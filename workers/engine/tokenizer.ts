import { Template } from '@huggingface/jinja';
import { Tokenizer as HF } from '@huggingface/tokenizers';
export function createTokenizer(files: Map<string, Uint8Array>) {
	const json = (n: string) => JSON.parse(new TextDecoder().decode(files.get(n)));
	const config = json('tokenizer_config.json');
	const tokenizer = new HF(json('tokenizer.json'), config);
	const template = new Template(config.chat_template);
	return {
		encode: (text: string) => tokenizer.encode(text, { add_special_tokens: false }).ids,
		decode: (ids: readonly number[]) => tokenizer.decode([...ids], { skip_special_tokens: true }),
		applyChatTemplate: (
			messages: readonly object[],
			{ addGenerationPrompt }: { addGenerationPrompt: boolean }
		) => template.render({ messages: [...messages], add_generation_prompt: addGenerationPrompt }) as string
	};
}
