import { seededRandom } from '#test/support/random.ts';
import { buildSpanIndex } from '#workers/attribution/spans/build.ts';
import { SpanFinder } from '#workers/attribution/spans/find.ts';
import { writeSpanIndex } from '#workers/attribution/spans/span-index.ts';
import { median, spread, time } from './support/statistics.ts';

const WORDS = 10_000_000;
const WORDS_A_ROW = 50;
const REPLY_WORDS = 512;
const REPLIES = 20;

/** Words whose frequencies fall as in English (Zipf, exponent 1.07), of one to eleven letters. */
function vocabulary(random: () => number, size = 120_000): () => string {
	const words = Array.from(
		{ length: size },
		(_, i) => `${i.toString(26)}${'aeioustrnl'.slice(0, Math.floor(random() * 8))}`
	);
	const sums = new Float64Array(size);
	for (let i = 0, sum = 0; i < size; i++) sums[i] = sum += 1 / (i + 2.7) ** 1.07;
	return () => {
		const at = random() * (sums[size - 1] ?? 0);
		let low = 0;
		let high = size - 1;
		while (low < high) {
			const middle = (low + high) >>> 1;
			if ((sums[middle] ?? 0) < at) low = middle + 1;
			else high = middle;
		}
		return words[low] ?? '';
	};
}

/** A Datanet of 10 M words, and replies of 512 of which a third is taken from rows: build, query, bytes a word. */
export async function run(): Promise<object> {
	const random = seededRandom(11);
	const word = vocabulary(random);
	const rows = Array.from({ length: WORDS / WORDS_A_ROW }, () =>
		Array.from({ length: WORDS_A_ROW }, word).join(' ')
	);
	let index: Awaited<ReturnType<typeof buildSpanIndex>> | undefined;
	const buildMs = await time(async () => (index = await buildSpanIndex(rows)));
	if (!index) throw new Error('no index');
	const bytes = writeSpanIndex(index).length;
	const finder = new SpanFinder(index);
	const times: number[] = [];
	let found = 0;
	for (let i = 0; i < REPLIES; i++) {
		const parts: string[] = [];
		for (let length = 0; length < REPLY_WORDS; length += 16) {
			const row = (rows[Math.floor(random() * rows.length)] ?? '').split(' ');
			parts.push(...(random() < 1 / 3 ? row.slice(7, 23) : Array.from({ length: 16 }, word)));
		}
		const reply = parts.join(' ');
		times.push(await time(() => (found += finder.find(reply).length)));
	}
	return {
		build_s: buildMs / 1000,
		query_ms: median(times),
		bytes_per_token: bytes / index.total,
		words: index.total,
		distinct_words: index.vocabulary.length,
		spans_a_reply: found / REPLIES,
		query_ms_spread: spread(times)
	};
}
