import { readFileSync } from 'node:fs';
import { expect, expectTypeOf, test } from 'vitest';
import type { ReplyAttribution } from '#workers/openai/answer.ts';
import type { Attribution } from './client.ts';

test('the client stands alone, and says of attribution what the app answers', () => {
	// It may be copied: so it states the type again, and the type check holds both together.
	expectTypeOf<Attribution>().toEqualTypeOf<ReplyAttribution>();
	expect(readFileSync(new URL('client.ts', import.meta.url), 'utf8')).not.toMatch(/\bimport\b.*['"]/);
});
