import { makeContribution, type Content, type Contribution } from '#workers/datanets/contribution.ts';
import type { Hex } from '#workers/datanets/hash.ts';

/** Two contributors whose keys are in no wallet: private keys 0x…01 and 0x…02. */
export const KEYS: { ada: Hex; ben: Hex } = {
	ada: `0x${'1'.padStart(64, '0')}`,
	ben: `0x${'2'.padStart(64, '0')}`
};
export const ADA: Hex = '0x7e5f4552091a69125d5dfcb7b8c2659029395bdf';
export const BEN: Hex = '0x2b5ad5c4795c026514f8317c7a215e218dccd6cf';

export function pair(prompt: string, response: string): Content {
	return { kind: 'pair', prompt, response };
}

/** A contribution with everything stated, to change one thing at a time. */
export function contribution(content: Content, change: Partial<Contribution> = {}): Contribution {
	return makeContribution({
		contributor: ADA,
		licence: 'CC-BY-4.0',
		source: 'https://example.org/anatomy',
		language: 'en',
		tags: ['anatomy'],
		created: '2026-03-01T12:00:00Z',
		parent: null,
		parentShare: 0,
		...change,
		content
	});
}
