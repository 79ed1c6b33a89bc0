import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { AutoModelForCausalLM, AutoTokenizer, env, type Tensor } from '@huggingface/transformers';
import { expect, it } from 'vitest';
import { greedy } from '#test/support/greedy.ts';
import { engines } from '#test/support/engines.ts';
import { DecoderSession } from '#test/support/run-decoder.ts';
import { readModel } from '#workers/onnx/read.ts';
import { parseModelConfig } from './config.ts';
import { openNodeFile } from './node-file.ts';

const models = resolve(import.meta.dirname, '../../../static/models');

it('is read by transformers.js, which generates the same tokens from it', async () => {
	env.allowRemoteModels = false;
	env.localModelPath = models;
	const tokenizer = await AutoTokenizer.from_pretrained('nano');
	const model = await AutoModelForCausalLM.from_pretrained('nano', { dtype: 'q4', device: 'cpu' });
	const inputs = tokenizer.apply_chat_template([{ role: 'user', content: 'What is a neuron?' }], {
		add_generation_prompt: true,
		return_dict: true
	}) as { input_ids: Tensor };
	const generated = (await model.generate({
		...inputs,
		max_new_tokens: 24,
		do_sample: false,
		repetition_penalty: 1
	})) as Tensor;
	await model.dispose();
	const [ids = []] = generated.tolist() as bigint[][];
	const prompt = (inputs.input_ids.tolist() as bigint[][])[0]?.map(Number) ?? [];
	expect(prompt.length).toBeGreaterThan(8);

	const path = join(models, 'nano/onnx/model_q4.onnx');
	const file = openNodeFile(path);
	if (!file) throw new Error(`no ${path}`);
	const config = parseModelConfig(JSON.parse(readFileSync(join(models, 'nano/config.json'), 'utf8')));
	const session = await DecoderSession.open(
		readModel(file, path),
		config,
		engines.cpu,
		new Map([[path, file]])
	);
	const own = await greedy(session, prompt, 24, config.eosIds);
	await session.close();
	const theirs = ids.slice(prompt.length).map(Number);
	expect(theirs.filter((id) => !config.eosIds.includes(id))).toEqual(own);
});
