/** What a screen reader is told politely: whole sentences, never a stream of tokens. */
class Announcer {
	text = $state('');

	say(text: string): void {
		// The same words twice in a row would be silent.
		this.text = text === this.text ? `${text}\u00a0` : text;
	}
}

export const announcer = new Announcer();
