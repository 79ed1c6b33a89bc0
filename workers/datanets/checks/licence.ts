import parse, { type Expression } from 'spdx-expression-parse';

/** Whether a model may be trained on a row, as far as its stated licence says. */
export type LicenceVerdict = 'missing' | 'allows' | 'conditions' | 'unknown' | 'forbids';

export interface LicenceOpinion {
	verdict: LicenceVerdict;
	/** One sentence for a person. */
	reason: string;
}

const RANK: LicenceVerdict[] = ['allows', 'conditions', 'unknown', 'missing', 'forbids'];

/**
 * Reads an SPDX expression, or the text of a licence. Cautious, and no legal advice: no-derivatives licences are taken
 * to forbid training, since a model is arguably a derivative.
 */
export function licenceOpinion(licence: string): LicenceOpinion {
	if (licence.trim() === '') return { verdict: 'missing', reason: 'No licence is stated.' };
	try {
		return ofExpression(parse(licence));
	} catch {
		return ofText(licence);
	}
}

function ofExpression(expression: Expression): LicenceOpinion {
	if ('license' in expression) return ofId(expression.license);
	const [left, right] = [ofExpression(expression.left), ofExpression(expression.right)];
	const leftIsBetter = RANK.indexOf(left.verdict) <= RANK.indexOf(right.verdict);
	// Of alternatives the kinder may be chosen; of licences that hold together the stricter counts.
	return leftIsBetter === (expression.conjunction === 'or') ? left : right;
}

function ofId(id: string): LicenceOpinion {
	if (/-ND(-|$)/.test(id)) return { verdict: 'forbids', reason: `${id} allows no derived works.` };
	if (/-NC(-|$)|NonCommercial/i.test(id))
		return { verdict: 'conditions', reason: `${id} allows use without profit only.` };
	if (/-SA(-|$)|^A?GPL|^LGPL|^GFDL|^ODbL|^EUPL|^CDLA-Sharing/.test(id))
		return { verdict: 'conditions', reason: `${id} asks that what is made from it be shared alike.` };
	if (/^(?:LicenseRef|DocumentRef)-/.test(id))
		return { verdict: 'unknown', reason: `${id} is a licence of its own; a person has to read it.` };
	return { verdict: 'allows', reason: `${id} allows reuse.` };
}

function ofText(text: string): LicenceOpinion {
	if (
		/all rights reserved|proprietary|confidential|no (?:ai )?training|not be used (?:for|to) train/i.test(
			text
		)
	)
		return { verdict: 'forbids', reason: 'Its licence text reserves all rights or rules out training.' };
	if (/public domain|no rights reserved/i.test(text))
		return { verdict: 'allows', reason: 'It is said to be in the public domain.' };
	return { verdict: 'unknown', reason: 'Its licence is no SPDX id; a person has to read it.' };
}
