/** What a translation is found by, in a catalogue that need not repeat the English: 32 bits of it (FNV-1a). */
export function keyOf(english: string): string {
	let hash = 0x811c9dc5;
	for (let i = 0; i < english.length; i++) hash = Math.imul(hash ^ english.charCodeAt(i), 0x01000193);
	return (hash >>> 0).toString(36);
}
