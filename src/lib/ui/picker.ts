/** One line of a picker. */
export interface PickerItem {
	id: string;
	label: string;
	/** Under the label. */
	summary?: string;
	/** At the right edge: size, state. */
	note?: string;
	/** A place on the provenance scale. */
	ink?: 'base' | number;
	chosen?: boolean;
	disabled?: boolean;
}
