import { WHOLE } from '#workers/attribution/receipts/shares.ts';
import type { ReplyAttribution } from '#workers/openai/answer.ts';
import type { AttributionRecord } from '../attribution/records.ts';

/**
 * What a program is told of a measured reply; undefined where nobody is to be thanked.
 * @param withTexts whether it may read the rows: they may be the person's own, and private
 */
export function describe(
	record: Pick<AttributionRecord, 'receipt' | 'parts' | 'contributors' | 'rows'> | undefined,
	withTexts: boolean
): ReplyAttribution | undefined {
	if (!record?.receipt || !record.parts) return undefined;
	const { receipt, parts, contributors, rows } = record;
	return {
		receipt: receipt.id,
		base: parts.base / WHOLE,
		contributors: parts.contributors / WHOLE,
		unattributed: parts.unattributed / WHOLE,
		unmeasured: receipt.unmeasured,
		people: contributors.map(({ name = null, address = null, share }) => ({
			name,
			address,
			share: share / WHOLE
		})),
		rows: rows.map(({ contribution, text = null, licence = null, share }) => ({
			id: contribution,
			text: withTexts ? text : null,
			licence,
			share: share / WHOLE
		}))
	};
}
