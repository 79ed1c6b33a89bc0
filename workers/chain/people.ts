import { keccak256, parseEther, stringToHex, type Hex } from 'viem';

/** OPEN that each account of the sandbox starts with, in wei. */
export const ALLOWANCE = parseEther('10000');

/** Anvil's first account: the deployer, so that the contracts have the same addresses here and there. It is also the tap. */
export const tapKey: Hex = '0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80';

/** What the tap holds at the beginning, in wei. */
export const TAP = parseEther('100000000');

/** The made-up people whose data and models the sandbox starts with. Their keys are public: anybody can look at it through their eyes. */
export const people = [
	{ name: 'Amara Obi', part: 'curates finance, owns the Finance adapter' },
	{ name: 'Ben Krause', part: 'curates anatomy, owns the Anatomy adapter' },
	{ name: 'Chiara Longo', part: 'contributes to finance' },
	{ name: 'Dae Park', part: 'contributes to finance and anatomy' },
	{ name: 'Elif Kaya', part: 'contributes to anatomy' },
	{ name: 'Farid Nasser', part: 'hosts models, stakes' },
	{ name: 'Grace Mwangi', part: 'posts and watches reward roots' },
	{ name: 'Hugo Silva', part: 'owns the base model' }
] as const;

export function personKey(name: string): Hex {
	return keccak256(stringToHex(`openledger sandbox: ${name}`));
}
