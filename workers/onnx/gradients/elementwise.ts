import { floatAttribute, intAttribute } from '../attribute.ts';
import { dataTypeOf } from '../types.ts';
import type { Backward, GradientRule } from './backward.ts';

const SQRT_2 = Math.SQRT2;
/** d/dx erf(x) = 2/√π · exp(−x²). */
const ERF_SLOPE = 2 / Math.sqrt(Math.PI);

/** y = f(x) with dx = dy · f'(x), the slope told by x and y. */
const slope =
	(of: (at: Backward) => string): GradientRule =>
	(at) => {
		const dy = at.gradient(0);
		if (dy && at.wants(0)) at.give(0, at.write.op('Mul', [dy, of(at)]));
	};

/** A rule that only passes on what it makes of dy, input by input. */
const each =
	(...makers: ((at: Backward, dy: string) => string)[]): GradientRule =>
	(at) => {
		const dy = at.gradient(0);
		makers.forEach((make, i) => {
			if (dy && at.wants(i)) at.give(i, make(at, dy));
		});
	};

const op = (at: Backward, opType: string, ...inputs: string[]) => at.write.op(opType, inputs);

/** Φ(x) + x · φ(x) of the standard normal distribution, for the exact GELU. */
function geluSlope(at: Backward): string {
	const x = at.input(0);
	const erf = op(at, 'Erf', op(at, 'Mul', x, at.scalar(1 / SQRT_2)));
	const cdf = op(at, 'Mul', op(at, 'Add', erf, at.scalar(1)), at.scalar(0.5));
	const square = op(at, 'Mul', op(at, 'Mul', x, x), at.scalar(-0.5));
	const density = op(at, 'Mul', op(at, 'Exp', square), at.scalar(1 / Math.sqrt(2 * Math.PI)));
	return op(at, 'Add', cdf, op(at, 'Mul', x, density));
}

/** GELU by tanh: x/2 · (1 + tanh u), u = √(2/π) (x + 0.044715 x³) (Hendrycks & Gimpel 2016). */
function tanhGeluSlope(at: Backward): string {
	const x = at.input(0);
	const scale = Math.sqrt(2 / Math.PI);
	const square = op(at, 'Mul', x, x);
	const inner = op(at, 'Add', op(at, 'Mul', square, at.scalar(0.044715 * scale)), at.scalar(scale));
	const tanh = op(at, 'Tanh', op(at, 'Mul', x, inner));
	const rise = op(at, 'Add', op(at, 'Mul', square, at.scalar(3 * 0.044715 * scale)), at.scalar(scale));
	const bend = op(at, 'Sub', at.scalar(1), op(at, 'Mul', tanh, tanh));
	const both = op(at, 'Add', op(at, 'Add', tanh, at.scalar(1)), op(at, 'Mul', op(at, 'Mul', x, rise), bend));
	return op(at, 'Mul', both, at.scalar(0.5));
}

function multiply(at: Backward): void {
	const [left, right] = at.node.inputs;
	if (left === right) return square(at);
	const dy = at.gradient(0);
	if (!dy) return;
	if (at.wants(0)) at.give(0, op(at, 'Mul', dy, at.input(1)));
	if (at.wants(1)) at.give(1, op(at, 'Mul', dy, at.input(0)));
}

function square(at: Backward): void {
	const dy = at.narrowGradient(0);
	if (dy && at.wants(0)) at.give(0, op(at, 'Mul', op(at, 'Mul', dy, at.scalar(2)), at.input(0)));
}

function power(at: Backward): void {
	if (at.wants(1)) throw at.refuse('has an exponent that depends on what is trained');
	if (at.constant(1) === 2) return square(at);
	const dy = at.gradient(0);
	if (!dy || !at.wants(0)) return;
	const lower = op(at, 'Pow', at.input(0), op(at, 'Sub', at.input(1), at.scalar(1)));
	at.give(0, op(at, 'Mul', dy, op(at, 'Mul', lower, at.input(1))));
}

function where(at: Backward): void {
	const dy = at.gradient(0);
	if (!dy) return;
	if (at.wants(1)) at.give(1, op(at, 'Where', at.input(0), dy, at.scalar(0)));
	if (at.wants(2)) at.give(2, op(at, 'Where', at.input(0), at.scalar(0), dy));
}

function sum(at: Backward): void {
	const dy = at.gradient(0);
	at.node.inputs.forEach((_, i) => {
		if (dy && at.wants(i)) at.give(i, dy);
	});
}

/** Where one operand alone decides, the gradient is its; both get it where they are equal and of one shape. */
const extreme =
	(comparison: 'GreaterOrEqual' | 'LessOrEqual'): GradientRule =>
	(at) => {
		const dy = at.gradient(0);
		at.node.inputs.forEach((_, i) => {
			if (!dy || !at.wants(i)) return;
			const chosen = op(at, comparison, at.input(i), at.output());
			at.give(i, op(at, 'Where', chosen, dy, at.scalar(0)));
		});
	};

function clip(at: Backward): void {
	const dy = at.gradient(0);
	if (!dy || !at.wants(0)) return;
	const inside = op(at, 'Equal', at.input(0), at.output());
	at.give(0, op(at, 'Where', inside, dy, at.scalar(0)));
}

/** x · sigmoid(αx): slope s + α·y·(1 − s). */
function quickGeluSlope(at: Backward): string {
	const alpha = floatAttribute(at.node, 'alpha', 1.702);
	const sigmoid = op(at, 'Sigmoid', op(at, 'Mul', at.input(0), at.scalar(alpha)));
	const rest = op(at, 'Mul', at.output(), op(at, 'Sub', at.scalar(1), sigmoid));
	return op(at, 'Add', sigmoid, alpha === 1 ? rest : op(at, 'Mul', rest, at.scalar(alpha)));
}

function cast(at: Backward): void {
	const dy = at.gradient(0);
	if (!dataTypeOf(intAttribute(at.node, 'to', 0))?.startsWith('float'))
		throw at.refuse('rounds what is trained to whole numbers');
	if (dy && at.wants(0)) at.give(0, dy);
}

/** Operators that work element by element, with broadcasting. */
export const ELEMENTWISE: Readonly<Record<string, GradientRule>> = {
	Identity: each((_, dy) => dy),
	Cast: cast,
	Add: sum,
	Sum: sum,
	Sub: each(
		(_, dy) => dy,
		(at, dy) => op(at, 'Neg', dy)
	),
	Mul: multiply,
	Div: each(
		(at, dy) => op(at, 'Div', dy, at.input(1)),
		(at, dy) => op(at, 'Neg', op(at, 'Div', op(at, 'Mul', dy, at.output()), at.input(1)))
	),
	Neg: each((at, dy) => op(at, 'Neg', dy)),
	Pow: power,
	Where: where,
	Max: extreme('GreaterOrEqual'),
	Min: extreme('LessOrEqual'),
	Clip: clip,
	Sqrt: each((at, dy) => op(at, 'Div', op(at, 'Mul', dy, at.scalar(0.5)), at.output())),
	Reciprocal: slope((at) => op(at, 'Neg', op(at, 'Mul', at.output(), at.output()))),
	Exp: slope((at) => at.output()),
	Log: each((at, dy) => op(at, 'Div', dy, at.input(0))),
	Sin: slope((at) => op(at, 'Cos', at.input(0))),
	Cos: slope((at) => op(at, 'Neg', op(at, 'Sin', at.input(0)))),
	Abs: slope((at) => op(at, 'Sign', at.input(0))),
	Tanh: slope((at) => op(at, 'Sub', at.scalar(1), op(at, 'Mul', at.output(), at.output()))),
	Sigmoid: slope((at) => op(at, 'Mul', at.output(), op(at, 'Sub', at.scalar(1), at.output()))),
	Softplus: slope((at) => op(at, 'Sigmoid', at.input(0))),
	Relu: each((at, dy) => op(at, 'Where', op(at, 'Greater', at.input(0), at.scalar(0)), dy, at.scalar(0))),
	Erf: slope((at) =>
		op(at, 'Mul', op(at, 'Exp', op(at, 'Neg', op(at, 'Mul', at.input(0), at.input(0)))), at.scalar(ERF_SLOPE))
	),
	Gelu: (at) =>
		slope(at.node.attributes.get('approximate')?.value === 'tanh' ? tanhGeluSlope : geluSlope)(at),
	'com.microsoft.Gelu': slope(geluSlope),
	'com.microsoft.QuickGelu': slope(quickGeluSlope)
};
