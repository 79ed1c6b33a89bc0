import type { DecoderSession } from './run-decoder.ts';

/** At most `most` tokens after a prompt, the most probable each time, up to and without an end token. */
export async function greedy(
	session: DecoderSession,
	prompt: number[],
	most: number,
	eos: readonly number[]
): Promise<number[]> {
	const out: number[] = [];
	let run = await session.run([prompt], 1);
	while (out.length < most) {
		const row = run.logits[0]?.[0] ?? new Float64Array();
		const next = row.indexOf(row.reduce((a, b) => Math.max(a, b), -Infinity));
		if (eos.includes(next)) break;
		out.push(next);
		run = await session.run([[next]], 1, run.cache, prompt.length + out.length - 1);
	}
	return out;
}
