import type { AttributionIndex } from '../index/attribution-index.ts';

/** What a row does to the loss of rows, by the index alone. */
export interface RowEffect {
	/**
	 * What all others would lose without it, in parts of what it does for itself: below 0 they would be learnt better without it
	 * (harmful), near 0 it teaches nothing that they do not.
	 */
	others: number;
	/** What its own learning does for it, in parts of the mean row's; 0 for a near-duplicate, whose first row has the credit. */
	self: number;
}

/**
 * Self-influence and leave-one-out of every row, to first order (Koh and Liang 2017). A row's vector is one half of (C + λ)⁻¹ and so is
 * another's, so their dot product says what learning the one does to the loss of the other.
 */
export function rowEffects({
	rows,
	projection: { dims },
	contributors
}: Pick<AttributionIndex, 'rows' | 'projection' | 'contributors'>): RowEffect[] {
	const sum = new Float64Array(dims);
	for (let i = 0; i < rows.length; i++) sum[i % dims] = (sum[i % dims] ?? 0) + (rows[i] ?? 0);
	const scores = Array.from(contributors, (_, row) => {
		let [self, all] = [0, 0];
		for (let k = 0; k < dims; k++) {
			const value = rows[row * dims + k] ?? 0;
			self += value * value;
			all += value * (sum[k] ?? 0);
		}
		return { self, others: all - self };
	});
	const credited = scores.filter(({ self }) => self > 0);
	const mean = credited.reduce((total, { self }) => total + self, 0) / Math.max(1, credited.length);
	return scores.map(({ self, others }) =>
		self === 0 ? { others: 0, self: 0 } : { others: others / self, self: self / mean }
	);
}
