/** Bounds that a curator may change. */
export interface CheckLimits {
	/** UTF-16 units of all text of a row. */
	shortest: number;
	longest: number;
	/** Licences that the Datanet takes; empty: any that allows training. */
	licences: string[];
}

export const DEFAULT_LIMITS: CheckLimits = { shortest: 20, longest: 8_000, licences: [] };
