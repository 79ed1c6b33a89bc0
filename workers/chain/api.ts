import type { Hex } from 'viem';

export interface SandboxAccount {
	name: string;
	/** What the made-up person does; absent for the user. */
	part?: string;
	address: Hex;
}

export interface SandboxStatus {
	height: number;
	/** Time of the next block if it came now: seconds since 1970. */
	time: number;
	/** Seconds that the sandbox is ahead of this device. */
	ahead: number;
	/** The selected one first. */
	accounts: SandboxAccount[];
	/** It was begun with other contracts than this version of the app has: it should be begun anew. */
	outdated: boolean;
}

/** A provider request (EIP-1193). */
export interface ProviderRequest {
	method: string;
	params?: unknown;
}

/** The sandbox as its worker offers it. Every method rejects with `OpenLedgerError` 'sandbox/…', `request` with an `RpcFailure` instead. */
export interface SandboxApi {
	/** Never throws: an error of a provider must keep its code and data across the worker's boundary. */
	request(request: ProviderRequest): Promise<RpcOutcome>;
	status(): Promise<SandboxStatus>;
	/** Moves the clock on and mines one block. */
	advance(seconds: number): Promise<SandboxStatus>;
	/** Makes one of its accounts the one that `eth_accounts` names first. */
	select(address: Hex): Promise<SandboxStatus>;
	/** Sends play money from the tap. */
	fund(address: Hex): Promise<SandboxStatus>;
	/** Begins anew; the user's account stays. */
	reset(): Promise<SandboxStatus>;
	/** Everything that ever happened, as JSON. */
	exportHistory(): Promise<string>;
	/** Runs an exported history from the beginning, in place of this one. Nothing changes when it fails. */
	importHistory(text: string, progress: (done: number, all: number) => void): Promise<SandboxStatus>;
	/** Calls back after every block and every change of account. Keep the returned function and call it to end that. */
	subscribe(listener: () => void): Promise<void>;
}

export type RpcOutcome = { result: unknown } | { error: { code: number; message: string; data?: Hex } };
