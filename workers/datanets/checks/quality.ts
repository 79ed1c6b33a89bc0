/** What a check can find in a row. A row's flags are the sum of these bits. */
export const FLAGS = {
	duplicate: 1,
	nearDuplicate: 2,
	personalData: 4,
	tooShort: 8,
	tooLong: 16,
	otherLanguage: 32,
	emptyAnswer: 64,
	contradiction: 128,
	noLicence: 256,
	licenceForbids: 512,
	licenceUnclear: 1024,
	overlap: 2048
} as const;

export type Flag = keyof typeof FLAGS;

/** What each is called on the page. */
export const FLAG_NAMES: Record<Flag, string> = {
	duplicate: 'Duplicate',
	nearDuplicate: 'Nearly the same as another row',
	personalData: 'Personal data',
	tooShort: 'Very short',
	tooLong: 'Very long',
	otherLanguage: 'Another language',
	emptyAnswer: 'Empty answer',
	contradiction: 'Contradicts another row',
	noLicence: 'No licence',
	licenceForbids: 'Licence does not allow training',
	licenceUnclear: 'Licence to be read by a person',
	overlap: 'Also in another Datanet'
};

/** One visible part of a row's quality. */
export interface QualityPart {
	name: string;
	/** Points that can be had, and points that the row has. */
	weight: number;
	points: number;
}

/** Parts of the score, with what each loses for which flags. Weights add up to 100. */
const PARTS: { name: string; weight: number; loss: Partial<Record<Flag, number>> }[] = [
	{ name: 'Complete', weight: 25, loss: { emptyAnswer: 1, tooShort: 0.5 } },
	{ name: 'Original', weight: 20, loss: { duplicate: 1, nearDuplicate: 0.7, overlap: 0.3 } },
	{ name: 'Free of personal data', weight: 20, loss: { personalData: 1 } },
	{
		name: 'Licensed for training',
		weight: 15,
		loss: { licenceForbids: 1, noLicence: 0.7, licenceUnclear: 0.4 }
	},
	{ name: 'Consistent', weight: 10, loss: { contradiction: 1 } },
	{ name: 'In the right language', weight: 5, loss: { otherLanguage: 1 } },
	{ name: 'Of handy length', weight: 5, loss: { tooLong: 1 } }
];

/** The score's parts for a row with these flags. */
export function qualityParts(flags: number): QualityPart[] {
	return PARTS.map(({ name, weight, loss }) => {
		const lost = Object.entries(loss)
			.filter(([flag]) => (flags & FLAGS[flag as Flag]) !== 0)
			.reduce((sum, [, part]) => sum + part, 0);
		return { name, weight, points: Math.round(weight * Math.max(0, 1 - lost)) };
	});
}

/** 0 to 100: the sum of the parts. */
export function qualityOf(flags: number): number {
	return qualityParts(flags).reduce((sum, part) => sum + part.points, 0);
}

export function flagsIn(bits: number): Flag[] {
	return (Object.keys(FLAGS) as Flag[]).filter((flag) => (bits & FLAGS[flag]) !== 0);
}
