import type { Component } from 'svelte';

/** One line of a picker. */
export interface PickerItem {
	id: string;
	label: string;
	/** Under the label. */
	summary?: string;
	/** Beside the label, in one line with it. */
	hint?: string;
	/** At the right edge: size, state. */
	note?: string;
	/** A place on the provenance scale. */
	ink?: 'base' | number;
	icon?: Component<{ size?: number }>;
	chosen?: boolean;
	disabled?: boolean;
}
