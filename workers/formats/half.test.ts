import { describe, expect, it } from 'vitest';
import { seededRandom } from '#test/support/random.ts';
import { bf16ToF32, f16ToF32, f32ToBf16, f32ToF16 } from './half.ts';

const allPatterns = Uint16Array.from({ length: 65536 }, (_, i) => i);

/** The IEEE value of an F16 pattern, by its definition. */
function f16Value(pattern: number): number {
	const sign = pattern >> 15 ? -1 : 1;
	const exponent = (pattern >> 10) & 31;
	const mantissa = pattern & 1023;
	if (exponent === 31) return mantissa ? NaN : sign * Infinity;
	return sign * (exponent ? 2 ** (exponent - 15) * (1 + mantissa / 1024) : 2 ** -14 * (mantissa / 1024));
}

/**
 * The pattern nearest to `x` among a format's ascending magnitudes (ties to the even pattern), by search;
 * `overflow` is the value the pattern after the largest finite one would have.
 */
function nearest(x: number, value: (pattern: number) => number, infinity: number, overflow: number): number {
	const sign = x < 0 || Object.is(x, -0) ? 0x8000 : 0;
	const magnitude = Math.abs(x);
	const at = (pattern: number) => (pattern === infinity ? overflow : value(pattern));
	let low = 0;
	let high = infinity;
	while (high - low > 1) {
		const middle = (low + high) >> 1;
		if (at(middle) <= magnitude) low = middle;
		else high = middle;
	}
	if (magnitude >= overflow) return sign | infinity;
	const below = magnitude - at(low);
	const above = at(high) - magnitude;
	if (below === above) return sign | (low % 2 === 0 ? low : high);
	return sign | (below < above ? low : high);
}

const bf16Value = (pattern: number) => {
	const view = new DataView(new ArrayBuffer(4));
	view.setUint16(0, pattern);
	return view.getFloat32(0);
};

/** Random float32 values over all exponents, with their exact midpoints' neighbourhoods. */
function samples(seed: number): Float32Array {
	const random = seededRandom(seed);
	const bits = new Uint32Array(40_000);
	for (let i = 0; i < bits.length; i++) {
		bits[i] = Math.floor(random() * 2 ** 32);
		// Half of them within F16's exponents, half of those on a tie or one step beside it.
		if (i % 2) bits[i] = ((bits[i] as number) & 0x80ffffff) | ((100 + Math.floor(random() * 45)) << 23);
		if (i % 4 === 1) bits[i] = ((bits[i] as number) & ~0x1fff) + 0x1000 + Math.floor(random() * 3) - 1;
		if (i % 8 === 0) bits[i] = ((bits[i] as number) & ~0xffff) + 0x8000 + Math.floor(random() * 3) - 1;
	}
	return new Float32Array(bits.buffer).filter((x) => !Number.isNaN(x));
}

describe('half precision', () => {
	it('widens each of the 65,536 F16 patterns to its IEEE value', () => {
		const wide = f16ToF32(allPatterns);
		const wrong = [...allPatterns].filter((p) => !Object.is(wide[p], f16Value(p)));
		expect(wrong).toEqual([]);
	});

	it('returns every F16 and BF16 number unchanged from a round trip', () => {
		const isNaN16 = (p: number) => (p & 0x7fff) > 0x7c00;
		const f16 = f32ToF16(f16ToF32(allPatterns));
		expect([...allPatterns].filter((p) => f16[p] !== p && !isNaN16(p))).toEqual([]);
		expect([...allPatterns].filter((p) => isNaN16(p) !== isNaN16(f16[p] as number))).toEqual([]);
		const bf16 = f32ToBf16(bf16ToF32(allPatterns));
		expect([...allPatterns].filter((p) => bf16[p] !== p && !Number.isNaN(bf16Value(p)))).toEqual([]);
		expect(Number.isNaN(bf16ToF32(f32ToBf16(Float32Array.of(NaN)))[0])).toBe(true);
	});

	it('narrows to the nearest number, ties to even', () => {
		const seed = 20;
		const values = samples(seed);
		const f16 = f32ToF16(values);
		const bf16 = f32ToBf16(values);
		const wrong: string[] = [];
		values.forEach((x, i) => {
			if (f16[i] !== nearest(x, f16Value, 0x7c00, 65536)) wrong.push(`f16 ${x} → ${f16[i]}`);
			if (bf16[i] !== nearest(x, bf16Value, 0x7f80, 2 ** 128)) wrong.push(`bf16 ${x} → ${bf16[i]}`);
		});
		expect(wrong, `seed ${seed}`).toEqual([]);
	});

	it('keeps the sign of zero, and overflows to infinity from 65520 on', () => {
		const values = Float32Array.of(-0, 65519.996, 65520, -65520, Infinity, 2 ** -25, 2 ** -25 * 1.0001);
		expect([...f32ToF16(values)]).toEqual([0x8000, 0x7bff, 0x7c00, 0xfc00, 0x7c00, 0, 1]);
	});
});
