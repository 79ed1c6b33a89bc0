import type { AdapterEntry, Completion, GenerateRequest } from '#workers/protocol.ts';
import type { Fingerprints } from '../adapters/link/registration.ts';
import type { Reply } from '../chat/records.ts';
import type { Engine } from '../engine/engine.svelte.ts';
import type { Admission, UsedFiles } from '../ledger/replies.ts';
import { measurer } from './measurer.ts';

type Written = Pick<Reply, 'id' | 'conversation' | 'adapters'>;

/**
 * What a reply owes, whoever asked for it: the ledger says beforehand whether it may be written, since adapters may have a price, and
 * keeps its receipt; then it is measured. To be closed, whatever came of the reply.
 */
export class Account {
	readonly #admission: Admission | undefined;
	readonly #engine: Engine;
	readonly #reply: Written;
	readonly #files: readonly UsedFiles[];
	readonly #mayOwe: boolean;

	private constructor(
		engine: Engine,
		reply: Written,
		files: readonly UsedFiles[],
		mayOwe: boolean,
		admission: Admission | undefined
	) {
		this.#engine = engine;
		this.#reply = reply;
		this.#files = files;
		this.#mayOwe = mayOwe;
		this.#admission = admission;
	}

	/** Why the reply may not be written. */
	get refusal() {
		return this.#admission?.refusal;
	}

	/** @param mayOwe false where a page of another address asks: its reply costs the person nothing, whatever comes of it */
	static async open(
		engine: Engine,
		reply: Written,
		{ adapters, maxNewTokens }: GenerateRequest,
		mayOwe = true
	): Promise<Account> {
		const known = adapters.every(({ id }) => engine.adapters.find(id));
		// A list that has not been read yet must not let a reply go unpaid.
		const entries = known ? engine.adapters.list : await engine.call((api) => api.adapters());
		const files = adapters.flatMap(({ id, weight }) => {
			const entry = entries.find((one) => one.id === id);
			return entry ? [{ weight, files: entry.files, fingerprints: () => fingerprintsOf(engine, entry) }] : [];
		});
		// The default of programs is more than the model holds.
		const tokens = Math.min(maxNewTokens, engine.models.loaded?.contextLength ?? Infinity);
		const admission = files.length > 0 ? await (await ledger()).admit(files, tokens, mayOwe) : undefined;
		return new Account(engine, reply, files, mayOwe, admission);
	}

	/** The reply is over: what it might have taken beyond its receipt is free for others. */
	close(): void {
		this.#admission?.end();
	}

	/**
	 * Keeps the receipt of the finished reply, and has it measured when it is quiet. Wait for it before the reply counts as written: it
	 * must not lack its receipt when the tab ends now.
	 * @param before what stood there before this run, which continues it
	 */
	async keep(completion: Completion, before = ''): Promise<void> {
		const base = this.#engine.models.loaded?.sha256;
		const [files, reply] = [this.#files, this.#reply];
		if (files.length === 0 || !base) return;
		const { id, conversation, adapters } = reply;
		const adapter = adapters.map(({ name }) => name).join(' + ');
		const shown = { id, conversation, adapter, files };
		const owed = await (
			await ledger()
		)
			.keepReceipt(shown, completion, base, this.#mayOwe)
			.catch(() => undefined);
		await measurer.add({ reply, before, completion, base, files, owed });
	}
}

/** As it would be registered from here. */
async function fingerprintsOf(engine: Engine, adapter: AdapterEntry): Promise<Fingerprints> {
	const { Publication } = await import('../adapters/publish/publication.svelte.ts');
	const { manifest, manifestHash } = await new Publication(engine, adapter).packed;
	return { manifest: manifestHash, index: manifest.indexRoot };
}

/** Only with the first reply of an adapter: the base alone owes nobody. */
const ledger = () => import('../ledger/replies.ts');
