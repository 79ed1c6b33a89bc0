/** Which of the shell's panels are open. */
class ShellState {
	palette = $state(false);
	/** The history sheet on a phone. */
	history = $state(false);
	/** Replies to the next message are written by base and adapter side by side. */
	compare = $state(false);
	/** Puts the cursor into the message box; set while there is one. */
	write: (() => void) | undefined;
	/** What the page that opens is waiting for: until then its frame may stand. */
	waits: Promise<unknown> | undefined;
}

export const shell = new ShellState();

/** Whose keyboards say ⌘ where others say Ctrl. */
export const isApple = /Mac|iPhone|iPad/.test(navigator.platform);
