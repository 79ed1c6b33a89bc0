/**
 * Whether something has been open yet: until then nothing of it needs to be there, and most menus, panels and dialogs of a page are
 * never opened (docs/decisions/first-paint.md). Call it where a component starts.
 */
export function usedOnce(open: () => boolean): { readonly yet: boolean } {
	let used = $state(false);
	$effect.pre(() => {
		if (open()) used = true;
	});
	return {
		get yet() {
			return used;
		}
	};
}
