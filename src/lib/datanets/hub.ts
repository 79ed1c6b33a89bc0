/** The Hub's address: the one from the settings, else the public one. */
export function hubUrl(setting: string): string {
	return setting.trim().replace(/\/+$/, '') || 'https://huggingface.co';
}
