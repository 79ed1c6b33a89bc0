import { expect, test } from 'vitest';
import { decodeRecords, encodeRecords } from './record-log.ts';

const records = [{ put: { id: 'a', text: 'ü\n"' } }, { drop: 'a' }, 'plain', null, [1, 2.5]];
const bytes = encodeRecords(records);

test('records come back as they were', () => {
	expect(decodeRecords(bytes)).toEqual({ records, damaged: 0, end: bytes.length });
	expect(decodeRecords(new Uint8Array())).toEqual({ records: [], damaged: 0, end: 0 });
});

test('a log that was cut anywhere gives the whole records before the cut, and is not damaged', () => {
	for (let cut = 0; cut < bytes.length; cut++) {
		const decoded = decodeRecords(bytes.subarray(0, cut));
		expect(decoded.damaged).toBe(0);
		expect(decoded.records).toEqual(records.slice(0, decoded.records.length));
		expect(decodeRecords(bytes.subarray(0, decoded.end)).records).toEqual(decoded.records);
	}
});

test('one wrong byte anywhere costs no more than the records it touches, and is noticed', () => {
	for (let at = 0; at < bytes.length; at++) {
		const wrong = Uint8Array.from(bytes);
		wrong[at] = (wrong[at] ?? 0) ^ 0x01;
		const decoded = decodeRecords(wrong);
		expect(decoded.records.length, `byte ${at}`).toBeGreaterThanOrEqual(records.length - 2);
		for (const record of decoded.records) expect(records).toContainEqual(record);
		expect(decoded.records.length + decoded.damaged, `byte ${at}`).toBeLessThanOrEqual(records.length + 1);
		expect(decoded.damaged > 0 || decoded.end < bytes.length, `byte ${at}`).toBe(true);
	}
});
