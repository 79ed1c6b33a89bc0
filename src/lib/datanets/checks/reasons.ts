import type { Flag } from '#workers/datanets/checks/quality.ts';

/** Why each finding matters, in a sentence. */
export const FLAG_REASONS: Record<Flag, string> = {
	duplicate: 'The same words as an earlier row. It would count twice.',
	nearDuplicate: 'At least four fifths of its word triples are those of an earlier row.',
	personalData: 'E-mail addresses, telephone, card and account numbers, national ids whose checksum holds.',
	tooShort: 'There is hardly anything to learn from.',
	tooLong: 'Longer than a small model can read at once; cut it into passages.',
	otherLanguage: 'Written in another language than it states, or than most rows.',
	emptyAnswer: 'No answer, or a placeholder such as N/A.',
	contradiction: 'The same question with an answer that cannot also be true: yes and no, or other numbers.',
	noLicence: 'Nobody may use it without a licence.',
	licenceForbids: 'Its licence allows no derived works, or is none that this Datanet takes.',
	licenceUnclear: 'Its licence is a text of its own; a person has to read it.',
	overlap: 'The same or nearly the same row is in the other Datanet.'
};
