import { describe, expect, test } from 'vitest';
import { StopStrings } from './stop-strings.ts';

function feed(stops: string[], pieces: string[]) {
	const watch = new StopStrings(stops);
	const shown: string[] = [];
	for (const piece of pieces) {
		const { text, stopped } = watch.push(piece);
		shown.push(text);
		if (stopped) return { shown: shown.join(''), stopped, pieces: shown, flushed: watch.flush() };
	}
	const flushed = watch.flush();
	return { shown: shown.join('') + flushed, stopped: false, pieces: shown, flushed };
}

describe('stop strings', () => {
	test('one that spans pieces ends the text before it', () => {
		expect(feed(['\nUser:'], ['Hello.', '\n', 'Us', 'er', ': hi'])).toMatchObject({
			shown: 'Hello.',
			stopped: true,
			flushed: ''
		});
	});

	test('text that only began like one is shown as soon as it differs', () => {
		const { shown, pieces } = feed(['\nUser:'], ['a\nU', 's', 'ual', 'ly']);
		expect(shown).toBe('a\nUsually');
		expect(pieces).toEqual(['a', '', '\nUsual', 'ly']);
	});

	test('text held back at the end is shown when nothing follows', () => {
		expect(feed(['END'], ['the E', 'N'])).toMatchObject({ shown: 'the EN', stopped: false });
	});

	test('the earliest of several counts, and overlapping starts are found', () => {
		expect(feed(['xyz', 'aab'], ['aa', 'ab', 'xyz'])).toMatchObject({ shown: 'a', stopped: true });
	});

	test('an empty stop string stops nothing', () => {
		expect(feed([''], ['text'])).toMatchObject({ shown: 'text', stopped: false });
	});
});
