/**
 * Other ways to ask a short English question for what something is. A small model that has only ever seen one wording
 * answers that wording; having seen several it answers the question (docs/decisions/training-presets.md).
 */
const QUESTION =
	/^(?:what(?:['’]s| is| are| does)|define|explain|describe)\s+(?:the (?:term|meaning of)\s+)?(.{2,80}?)(?:\s+mean)?\s*[?.]?$/i;

const FORMS: readonly ((term: string) => string)[] = [
	(term) => `Define ${term}.`,
	(term) => `What does ${term} mean?`,
	(term) => `Explain ${term}.`,
	(term) => `Explain the term ${term}.`,
	(term) => `What is the meaning of ${term}?`,
	(term) => `Tell me about ${term}.`,
	(term) => `Describe ${term}.`,
	(term) => `Do you know what ${term} is?`,
	(term) => capital(`${term}?`),
	(term) => `Please define the term ${term}.`,
	(term) => `Tell me what ${term} is.`,
	(term) => `Could you explain what ${term} is?`,
	(term) => `I would like to know what ${term} is.`,
	(term) => `What exactly is ${term}?`,
	(term) => `How is ${term} defined?`,
	(term) => `How would you define ${term}?`,
	(term) => `What do we mean by ${term}?`,
	(term) => `What is understood by the term ${term}?`,
	(term) => `State the definition of ${term}.`,
	(term) => `Give a short definition of ${term}.`,
	(term) => `In a few words, what is ${term}?`,
	(term) => `Can you define ${term}?`,
	(term) => `Is there a definition of ${term}?`,
	(term) => `Say what ${term} means.`
];

/** None where the question is of another kind. */
export function rewordings(question: string): string[] {
	const [, term] = QUESTION.exec(question.trim()) ?? [];
	// A clause ("what happens when …") is no term.
	if (!term || /[,;:?]|\b(?:when|if|why|how|which|who|you|your|we|I)\b/i.test(term)) return [];
	const bare = term.replace(/^(?:an?|the)\s+/i, '');
	return FORMS.map((form) => form(bare)).filter((other) => other !== question);
}

function capital(text: string): string {
	return text.charAt(0).toUpperCase() + text.slice(1);
}
