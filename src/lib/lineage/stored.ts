import { fromHex, isAddress, type Hex } from '#workers/datanets/hash.ts';
import { findPacked, unpackIds } from '#workers/datanets/merkle/packed.ts';
import type { Contribution, Header } from '#workers/datanets/contribution.ts';
import { allOf } from '#workers/datanets/store/db.ts';
import type { DatanetRecord, RowRecord, VersionRecord } from '#workers/datanets/store/schema.ts';
import { excerptOf } from '#workers/attribution/index/rows-file.ts';
import type { Payment } from '#workers/ledger/payments.ts';
import type { LedgerSummary } from '#workers/ledger/service.ts';
import type { AdapterEntry, LoadedModel, ModelEntry } from '#workers/protocol.ts';
import { db as attribution, influencedBy } from '../attribution/db.ts';
import type { AttributionRecord, IndexedRow } from '../attribution/records.ts';
import { db as chat } from '../chat/db.ts';
import type { Reply } from '../chat/records.ts';
import { datanets as datanetWorker } from '../datanets/connection.ts';
import { db as datanetDb } from '../datanets/db.svelte.ts';
import { me } from '../datanets/identity/me.svelte.ts';
import { books } from '../ledger/connection.ts';
import { db as ledger } from '../ledger/db.ts';
import type { Network } from '../ledger/network.ts';
import type { ReceiptRecord, SettlementRecord } from '../ledger/records.ts';
import type {
	AdapterFacts,
	BaseFacts,
	DatanetFacts,
	Memory,
	PersonFacts,
	ReceiptFacts,
	ReplyFacts,
	RewardFacts,
	RowFacts,
	SettlementFacts,
	Some
} from './facts.ts';
import { rootKey, type Published } from './published.ts';
import { holdersOf, keysOf, nameOfReward } from './rewards.ts';

export interface KnownModels {
	readonly loaded?: Pick<LoadedModel, 'name' | 'sha256'>;
	readonly entries: readonly Pick<ModelEntry, 'id' | 'name'>[];
}

/** A chain with its books as they stand. */
export interface OpenBooks {
	network: Network;
	summary: LedgerSummary;
	/** Versions of Datanets, by `rootKey`. */
	published: ReadonlyMap<string, Published>;
}

const CORRECTIONS = 1000;
/** Answers that are read at a time. */
const PAGE = 100;
const onChain = /^(\d{1,15})\.(\d{1,15})$/;
const onTheWay = /^([\w-]{36})\.(\d{1,6})$/;

/** Lineage as this device has it: Datanets, replies, receipts and settlements from its databases, rewards from the books of one chain. */
export class StoredMemory implements Memory {
	readonly #entries: readonly AdapterEntry[];
	/** Absent while they are read, and where they cannot be. */
	readonly #books: OpenBooks | undefined;
	readonly #models: KnownModels;
	readonly #wallets = new Map<string, Promise<string>>();
	#named: Promise<ReadonlyMap<string, string>> | undefined;
	readonly #people = new Map<string, Promise<PersonFacts>>();
	readonly #versions = new Map<string, Promise<VersionRecord[]>>();

	/** @param models of the catalogue: replies of a base alone have its name */
	constructor(
		entries: readonly AdapterEntry[],
		openBooks: OpenBooks | undefined,
		models: KnownModels = { entries: [] }
	) {
		this.#entries = entries;
		this.#books = openBooks;
		this.#models = models;
	}

	// ---- people

	async person(id: string): Promise<PersonFacts | undefined> {
		if (isAddress(id)) return this.#person(await this.#wallet(id));
		const [number, weights] = id.split('@');
		const index = this.#entries.find(({ files }) => files.weights === weights);
		return /^\d+$/.test(number ?? '') && weights
			? { id, name: `Contributor ${number} of ${index?.name ?? 'an adapter'}` }
			: undefined;
	}

	/** Of a device's key that is linked to a wallet, the wallet: both have signed that they are one person. */
	#wallet(address: string): Promise<string> {
		const known = this.#wallets.get(address);
		if (known) return known;
		const found = datanetDb.links.get(address as Hex).then((link) => link?.wallet ?? address);
		this.#wallets.set(address, found);
		return found;
	}

	/** All addresses of a person: the wallet and the keys that are linked to it. */
	async #addresses(id: string): Promise<Hex[]> {
		const links = await datanetDb.links.toArray();
		return [id as Hex, ...links.filter(({ wallet }) => wallet === id).map(({ key }) => key)];
	}

	async #person(id: string, name?: string): Promise<PersonFacts> {
		const owners = this.#books?.summary.owners ?? [];
		const numbers = owners.flatMap((owner, i) => (owner.toLowerCase() === id ? [i + 1] : []));
		return { id, name: name ?? (await this.#names()).get(id), isMe: me.is(id as Hex), numbers };
	}

	/** As the rows of some index name addresses, the newest answer first. One pass, when the first is asked for. */
	#names(): Promise<ReadonlyMap<string, string>> {
		return (this.#named ??= (async () => {
			const names = new Map<string, string>();
			for await (const { contributors } of newestFirst())
				for (const { address, name } of contributors)
					if (address && name && !names.has(address)) names.set(address, name);
			return names;
		})());
	}

	/** Contributors of rows by their number in an index; asked for once: an answer has dozens of rows, and a page shows thousands of answers. */
	async #contributors(
		record: AttributionRecord,
		rows: readonly IndexedRow[]
	): Promise<ReadonlyMap<number, PersonFacts>> {
		const numbers = [...new Set(rows.map(({ contributor }) => contributor))];
		const people = numbers.map((number) => {
			const { address } = record.contributors.find(({ id }) => id === number) ?? {};
			const key = `${number}@${record.adapter.files.weights} ${address}`;
			const known = this.#people.get(key) ?? this.#contributorOf(record, number);
			this.#people.set(key, known);
			return known;
		});
		const found = await Promise.all(people);
		return new Map(numbers.flatMap((number, i) => (found[i] ? [[number, found[i]] as const] : [])));
	}

	async #contributorOf(record: AttributionRecord, number: number): Promise<PersonFacts> {
		const known = record.contributors.find(({ id }) => id === number);
		if (known?.address) return this.#person(await this.#wallet(known.address), known.name);
		return {
			id: `${number}@${record.adapter.files.weights}`,
			name: known?.name ?? `Contributor ${number} of ${record.adapter.name}`
		};
	}

	// ---- rows and Datanets

	async row(id: string): Promise<RowFacts | undefined> {
		const datanets = await datanetDb.datanets.toArray();
		const records = await datanetDb.rows.bulkGet(
			datanets.map((datanet): [string, Hex] => [datanet.id, id as Hex])
		);
		const local = datanets.flatMap((datanet, i) => (records[i] ? [{ datanet, record: records[i] }] : []));
		const [reply] = await attribution.attributions.where('contributions').equals(id).limit(1).toArray();
		const indexed = reply?.rows.find(({ contribution }) => contribution === id);
		const learnt =
			reply &&
			indexed &&
			this.#indexedRow(reply, indexed, (await this.#contributors(reply, [indexed])).get(indexed.contributor));
		const readable = local.map(({ record }) => record).find(isReadable);
		if (!readable && !learnt) {
			// Of a locked row, and of an ancestor whose words are elsewhere, no more than that it is there.
			const headers = await datanetDb.headers.bulkGet(
				datanets.map((datanet): [string, Hex] => [datanet.id, id as Hex])
			);
			const header = headers.find((each) => each !== undefined);
			if (header) return this.#rowOf(header, []);
			return local.length ? { id, datanets: local.map(({ datanet }) => asLocal(datanet)) } : undefined;
		}
		const standing = await Promise.all(local.map(({ datanet }) => this.#standsIn(datanet, id as Hex)));
		const places = unique([...standing.flat(), ...(learnt?.datanets ?? [])]);
		return readable ? this.#rowOf(readable, places) : learnt && { ...learnt, datanets: places };
	}

	async #rowOf(row: (Header & { id: Hex }) | Contribution, datanets: DatanetFacts[]): Promise<RowFacts> {
		const { id, contributor, licence, source, created, parent } = row;
		return {
			id,
			text: 'content' in row ? excerptOf(row.content) : undefined,
			contributor: await this.#person(await this.#wallet(contributor)),
			licence,
			source,
			time: Date.parse(created),
			parent: parent ?? undefined,
			datanets
		};
	}

	#indexedRow(record: AttributionRecord, row: IndexedRow, contributor: PersonFacts | undefined): RowFacts {
		return {
			id: row.contribution,
			text: row.text,
			contributor,
			licence: row.licence,
			source: row.source,
			datanets: row.datanet ? [this.#datanetOfIndex(record.adapter.files.weights, row.datanet)] : []
		};
	}

	/** The versions that hold a row; where none does, the Datanet itself while the row is in it. */
	async #standsIn(datanet: DatanetRecord, id: Hex): Promise<DatanetFacts[]> {
		const bytes = fromHex(id);
		const versions = (await this.#versionsOf(datanet.id)).filter(({ ids }) => findPacked(ids, bytes) >= 0);
		if (versions.length) return versions.map((version) => asVersion(datanet, version));
		const place = await open(datanet.id, (api) => api.place(datanet.id, 'lineage', id));
		return place !== undefined && place >= 0 ? [asLocal(datanet)] : [];
	}

	/** Read once: each holds the ids of all its rows, and every row that is shown asks for them. */
	#versionsOf(datanet: string): Promise<VersionRecord[]> {
		const known = this.#versions.get(datanet);
		if (known) return known;
		const found = allOf(datanetDb.versions, datanet).toArray();
		this.#versions.set(datanet, found);
		return found;
	}

	async rows(
		of: { contributor: string } | { datanet: string } | { parent: string },
		most: number
	): Promise<Some<RowFacts>> {
		const found: RowFacts[] = [];
		if ('parent' in of) {
			for (const datanet of await datanetDb.datanets.toArray()) {
				const rows = await open(datanet.id, async (api) => {
					const count = await api.select(datanet.id, 'lineage corrections', { corrections: true });
					return api.show(datanet.id, 'lineage corrections', 0, Math.min(count, CORRECTIONS));
				});
				for (const { row } of rows ?? [])
					if (row.parent === of.parent)
						found.push(await this.#rowOf(row, await this.#standsIn(datanet, row.id)));
			}
			return some(unique(found), most);
		}
		if ('contributor' in of) {
			const addresses = isAddress(of.contributor) ? await this.#addresses(of.contributor) : [];
			for (const datanet of addresses.length ? await datanetDb.datanets.toArray() : []) {
				const view = `lineage ${of.contributor}`;
				const rows = await open(datanet.id, async (api) => {
					await api.select(datanet.id, view, { contributors: addresses });
					return api.show(datanet.id, view, 0, most + 1);
				});
				for (const { row } of rows ?? [])
					found.push(await this.#rowOf(row, await this.#standsIn(datanet, row.id)));
			}
			return this.#withIndexed(found, (row) => row.contributor?.id === of.contributor, most);
		}
		const version = await this.#version(of.datanet);
		if (version) {
			const ids: Hex[] = [];
			for (const id of unpackIds(version.ids)) if (ids.push(id) > most) break;
			const local = await datanetDb.datanets.get(version.datanet);
			const records = await datanetDb.rows.bulkGet(ids.map((id): [string, Hex] => [version.datanet, id]));
			const rows = await Promise.all(
				records.map((record, i) =>
					local && record && isReadable(record)
						? this.#rowOf(record, [asVersion(local, version)])
						: this.row(ids[i] ?? '')
				)
			);
			return some(
				rows.map((row, i) => row ?? { id: ids[i] ?? '', datanets: [] }),
				most
			);
		}
		const local = await datanetDb.datanets.get(of.datanet);
		if (local) {
			const views = await open(local.id, (api) => api.show(local.id, 'lineage', 0, most + 1));
			const rows = (views ?? []).map(({ row }) => this.#rowOf(row, [asLocal(local)]));
			return some(await Promise.all(rows), most);
		}
		return this.#withIndexed([], ({ datanets }) => datanets.some(({ id }) => id === of.datanet), most);
	}

	/** Adds rows that moved replies: those of adapters from elsewhere are known by them alone. */
	async #withIndexed(
		rows: RowFacts[],
		fits: (row: RowFacts) => boolean,
		most: number
	): Promise<Some<RowFacts>> {
		const found = new Map(rows.map((row) => [row.id, row]));
		for await (const record of newestFirst()) {
			if (found.size > most) break;
			const people = await this.#contributors(record, record.rows);
			for (const indexed of record.rows) {
				if (found.has(indexed.contribution)) continue;
				const row = this.#indexedRow(record, indexed, people.get(indexed.contributor));
				if (fits(row)) found.set(row.id, row);
			}
		}
		return some([...found.values()], most);
	}

	#datanetOfIndex(weights: string, { name, id }: { name: string; id?: string }): DatanetFacts {
		const entry = this.#entries.find(({ files }) => files.weights === weights);
		const source = entry?.datanets.find((each) => (id ? each.id === id : each.name === name));
		return source ? asSource(source) : { id: id ?? `name:${name}`, name, local: id };
	}

	async #version(root: string): Promise<VersionRecord | undefined> {
		const datanets = await datanetDb.datanets.toCollection().primaryKeys();
		const found = await datanetDb.versions.bulkGet(datanets.map((id): [string, Hex] => [id, root as Hex]));
		return found.find((version) => version !== undefined);
	}

	async datanet(id: string): Promise<DatanetFacts | undefined> {
		const facts = await this.#datanetOf(id);
		const published = this.#books?.published.get(rootKey(id));
		return facts && published && this.#books
			? { ...facts, published: { ...published, network: this.#books.network.name } }
			: facts;
	}

	async #datanetOf(id: string): Promise<DatanetFacts | undefined> {
		const version = await this.#version(id);
		const local = await datanetDb.datanets.get(version?.datanet ?? id);
		if (version && local) return asVersion(local, version);
		if (local) return asLocal(local);
		const sources = this.#entries.flatMap(({ datanets }) => datanets.map(asSource));
		const known = sources.find((source) => source.id === id);
		if (known || !id.startsWith('name:')) return known;
		return { id, name: id.slice('name:'.length) };
	}

	// ---- models

	#weightsOf(entry: string): string | undefined {
		return this.#entries.find(({ id }) => id === entry)?.files.weights;
	}

	adapters(): Promise<AdapterFacts[]> {
		return Promise.resolve(
			this.#entries.map(({ id, name, author, licence, files, datanets, parents, base, baseHashes }) => ({
				id: files.weights,
				name,
				author,
				licence,
				base: baseHashes[0] ? { id: baseHashes[0], name: base } : undefined,
				datanets: unique(datanets.map(asSource)),
				parents: parents.map((parent) => ({
					// Manifests of old name it by its id alone.
					id: parent.weights ?? this.#weightsOf(parent.id) ?? parent.id,
					name: parent.name
				})),
				entry: id
			}))
		);
	}

	async base(id: string): Promise<BaseFacts | undefined> {
		const known = this.#baseOf(id);
		if (known.name) return known;
		const { loaded } = this.#models;
		if (loaded && this.#baseOf(loaded.sha256).id === id) return this.#baseOf(id, loaded.name);
		const record = await attribution.attributions.filter(({ model }) => model.sha256 === id).first();
		return record && this.#baseOf(id, record.model.id);
	}

	/** The base that a model's name stands for: the loaded one, else as a measured reply has it. */
	async #baseNamed(name: string): Promise<BaseFacts | undefined> {
		const { loaded, entries } = this.#models;
		if (loaded?.name === name) return this.#baseOf(loaded.sha256, name);
		const ids = entries.filter((entry) => entry.name === name).map(({ id }) => id);
		const record = await attribution.attributions.filter(({ model }) => ids.includes(model.id)).first();
		return record && this.#baseOf(record.model.sha256, name);
	}

	/** A base has several files; the first that a manifest names stands for all of them. */
	#baseOf(sha256: string, name = ''): BaseFacts {
		const entry = this.#entries.find(({ baseHashes }) => baseHashes.includes(sha256));
		return { id: entry?.baseHashes[0] ?? sha256, name: entry?.base ?? name };
	}

	// ---- replies

	async reply(id: string): Promise<ReplyFacts | undefined> {
		const record = await attribution.attributions.get(id);
		if (record) return this.#replyOf(record);
		const message = await chat.messages.get(id);
		return message?.role === 'assistant' ? this.#unmeasured(message) : undefined;
	}

	/** A reply that nothing was measured of: the base wrote it alone, or the adapter's reply was not measured yet. */
	async #unmeasured({ id, conversation, text, createdAt, model, adapters }: Reply): Promise<ReplyFacts> {
		const used = adapters.flatMap(({ id: entry, name }) => {
			const weights = this.#weightsOf(entry);
			return weights ? [{ id: weights, name }] : [];
		});
		const base = await this.#baseNamed(model);
		return { id, conversation, text, time: createdAt, base, adapters: used, rows: [] };
	}

	async #replyOf(record: AttributionRecord): Promise<ReplyFacts> {
		const { id, conversation, text, time, adapter, model, rows, transcript } = record;
		// Of what was not measured everything would be nobody's.
		const parts = record.state === 'measured' ? record.parts : undefined;
		const people = await this.#contributors(record, rows);
		return {
			id,
			conversation,
			text,
			time,
			base: this.#baseOf(model.sha256, model.id),
			adapters: [{ id: adapter.files.weights, name: adapter.name }],
			tokens: transcript.reply.length,
			parts,
			rows: rows.map((row) => ({
				row: this.#indexedRow(record, row, people.get(row.contributor)),
				share: row.share
			}))
		};
	}

	/** @param of which ones; `all` that were measured or wait for it */
	async replies(
		of: { row: string } | { adapter: string } | { base: string } | 'all',
		most: number
	): Promise<Some<ReplyFacts>> {
		const fits = ({ adapter, model }: AttributionRecord) =>
			of === 'all' ||
			('adapter' in of && adapter.files.weights === of.adapter) ||
			('base' in of && this.#baseOf(model.sha256).id === of.base);
		const newest = async () => {
			const fitting: AttributionRecord[] = [];
			for await (const record of newestFirst()) {
				if (fits(record)) fitting.push(record);
				if (fitting.length > most) break;
			}
			return fitting;
		};
		const found = of !== 'all' && 'row' in of ? await influencedBy(of.row as Hex) : await newest();
		const { items, more } = some(found, most);
		const measured = await Promise.all(items.map((record) => this.#replyOf(record)));
		if (of === 'all' || !('base' in of)) return { items: measured, more };
		const alone = await this.#writtenAlone(of.base, most);
		const all = [...measured, ...alone].sort((a, b) => b.time - a.time);
		return { items: all.slice(0, most), more: more || all.length > most };
	}

	/** The newest replies that a base wrote without an adapter. */
	async #writtenAlone(base: string, most: number): Promise<ReplyFacts[]> {
		const named = new Map<string, boolean>();
		const newest = await chat.messages
			.filter((message) => message.role === 'assistant' && message.adapters.length === 0 && !!message.text)
			.sortBy('createdAt');
		const found: ReplyFacts[] = [];
		for (const message of newest.reverse()) {
			if (found.length > most) break;
			if (message.role !== 'assistant') continue;
			const { model } = message;
			if (!named.has(model)) named.set(model, (await this.#baseNamed(model))?.id === base);
			if (named.get(model)) found.push(await this.#unmeasured(message));
		}
		return found;
	}

	// ---- money

	async receipt(id: string): Promise<ReceiptFacts | undefined> {
		const kept = await ledger.receipts.get(id as Hex);
		if (kept) return this.#receiptOf(kept);
		const record = await attribution.attributions.filter(({ receipt }) => receipt?.id === id).first();
		return record && unpriced(record);
	}

	async #receiptOf(record: ReceiptRecord): Promise<ReceiptFacts> {
		const { id, reply, adapter, time, receipt, amount, settlement: within } = record;
		const settlement = within ? await ledger.settlements.get(within) : undefined;
		const place = settlement?.batches.findIndex(({ receipts }) => receipts.includes(id)) ?? -1;
		return {
			id,
			reply,
			adapter,
			time,
			tokens: receipt.tokens.reply,
			amount,
			settlement: settlement && place >= 0 ? ownSettlement(settlement, place) : undefined
		};
	}

	async receipts(of: { reply: string } | { settlement: string }, most: number): Promise<Some<ReceiptFacts>> {
		if ('reply' in of) {
			const kept = await ledger.receipts.where({ reply: of.reply }).toArray();
			const facts = await Promise.all(kept.map((record) => this.#receiptOf(record)));
			const record = await attribution.attributions.get(of.reply);
			const measured = record && unpriced(record);
			return some(unique([...facts, ...(measured ? [measured] : [])]), most);
		}
		const own = await this.#own(of.settlement);
		const ids = own?.record.batches[own.place]?.receipts ?? [];
		const kept = await ledger.receipts.bulkGet(ids.slice(0, most));
		const facts = kept.flatMap((record) => (record ? [this.#receiptOf(record)] : []));
		return { items: await Promise.all(facts), more: ids.length > most };
	}

	/** The settlement of this device that an id names, and which of its batches. */
	async #own(id: string): Promise<{ record: SettlementRecord; place: number } | undefined> {
		const [, uuid, place] = onTheWay.exec(id) ?? [];
		if (uuid) {
			const record = await ledger.settlements.get(uuid);
			return record?.batches[Number(place)] && { record, place: Number(place) };
		}
		const [, chain, number] = onChain.exec(id) ?? [];
		if (!chain) return undefined;
		const batch = Number(number);
		const all = await ledger.settlements
			.where('[chain+payer]')
			.between([Number(chain), ''], [Number(chain), '\uffff'])
			.toArray();
		const record = all.find(
			(each) => each.batch !== undefined && each.batch <= batch && batch < each.batch + each.batches.length
		);
		return record && { record, place: batch - (record.batch ?? 0) };
	}

	async settlement(id: string): Promise<SettlementFacts | undefined> {
		const own = await this.#own(id);
		const [, chain, batch] = onChain.exec(id) ?? [];
		const payment =
			chain && Number(chain) === this.#books?.network.chain.id
				? await this.#ask((service, source) => service.payment(task(), source, Number(batch)))
				: undefined;
		const known = own && ownSettlement(own.record, own.place);
		return payment ? { ...known, ...this.#settlementOf(payment) } : known;
	}

	#settlementOf(payment: Payment): SettlementFacts {
		const chain = this.#books?.network.chain.id ?? 0;
		const { batch, payer, model, amount, time, weighted, final, rewards } = payment;
		return {
			id: `${chain}.${batch}`,
			chain,
			batch,
			payer: payer.toLowerCase(),
			model,
			amount,
			time: time * 1000,
			weighted,
			final,
			rewards: rewards.map(({ key, wei }) => ({ reward: this.#rewardOf(key), wei }))
		};
	}

	async settlements(
		of: { reward: string },
		most: number
	): Promise<Some<{ settlement: SettlementFacts; wei: bigint }>> {
		const key = this.#keyOf(of.reward);
		if (key === undefined) return { items: [], more: false };
		const found = await this.#ask((service, source) => service.payments(task(), source, key, most));
		return {
			more: found?.more ?? false,
			items: (found?.payments ?? []).map((payment) => ({
				settlement: this.#settlementOf(payment),
				wei: payment.rewards.find((reward) => reward.key === key)?.wei ?? 0n
			}))
		};
	}

	#keyOf(reward: string): number | undefined {
		const [, chain, key] = onChain.exec(reward) ?? [];
		return chain && Number(chain) === this.#books?.network.chain.id && Number(key) < 7 * 2 ** 29
			? Number(key)
			: undefined;
	}

	#rewardOf(key: number): RewardFacts {
		const chain = this.#books?.network.chain.id ?? 0;
		const summary = this.#books?.summary ?? { owners: [], models: [], datanets: [] };
		const name = nameOfReward(key, summary, (id) => {
			const hash = summary.models[id - 1]?.hash.slice(2);
			return this.#entries.find(({ files }) => files.weights === hash)?.name;
		});
		return { id: `${chain}.${key}`, chain, key, name };
	}

	async #sums(keys: readonly number[]): Promise<RewardFacts[]> {
		const claims = (await this.#ask((service, source) => service.claims(source, keys))) ?? [];
		return claims.map(({ key, cumulative, claimed, pending }) => ({
			...this.#rewardOf(key),
			sums: { claimable: cumulative - claimed, pending, claimed }
		}));
	}

	async reward(id: string): Promise<RewardFacts | undefined> {
		const key = this.#keyOf(id);
		return key === undefined ? undefined : (await this.#sums([key]))[0];
	}

	async rewards({ contributor }: { contributor: string }): Promise<{ reward: RewardFacts; wei: bigint }[]> {
		const { summary } = this.#books ?? {};
		if (!summary || !isAddress(contributor)) return [];
		const owners = new Set<string>(await this.#addresses(contributor));
		const rewards = await this.#sums(keysOf(owners, summary));
		return rewards.map((reward) => {
			const mine = holdersOf(reward.key, earned(reward), summary).filter(({ owner }) => owners.has(owner));
			return { reward, wei: mine.reduce((sum, { wei }) => sum + wei, 0n) };
		});
	}

	async holders(id: string): Promise<{ person: PersonFacts; wei: bigint }[]> {
		const { summary } = this.#books ?? {};
		const reward = summary && (await this.reward(id));
		if (!reward) return [];
		const people = new Map<string, bigint>();
		for (const { owner, wei } of holdersOf(reward.key, earned(reward), summary)) {
			const person = await this.#wallet(owner);
			people.set(person, (people.get(person) ?? 0n) + wei);
		}
		return Promise.all(
			[...people].map(async ([person, wei]) => ({ person: await this.#person(person), wei }))
		);
	}

	#ask<T>(work: Parameters<typeof books<T>>[1]): Promise<T | undefined> {
		return this.#books ? books(this.#books.network, work) : Promise.resolve(undefined);
	}
}

/** What a key has earned so far, claimed or not. Wei. */
export function earned({ sums }: RewardFacts): bigint {
	return sums ? sums.claimable + sums.claimed + sums.pending : 0n;
}

/** Measured answers and those that wait for it. Read by their ids: a cursor would wake the page for each. */
async function* newestFirst(): AsyncGenerator<AttributionRecord> {
	const ids = (await attribution.attributions.orderBy('time').primaryKeys()).reverse();
	for (let at = 0; at < ids.length; at += PAGE)
		for (const record of await attribution.attributions.bulkGet(ids.slice(at, at + PAGE)))
			if (record) yield record;
}

/** A name for work in the books that nobody cancels. */
const task = () => `lineage ${crypto.randomUUID()}`;

function some<Item>(items: Item[], most: number): Some<Item> {
	return { items: items.slice(0, most), more: items.length > most };
}

function unique<Item extends { id: string }>(items: Item[]): Item[] {
	return items.filter(({ id }, i) => items.findIndex((each) => each.id === id) === i);
}

function isReadable(record: RowRecord): record is RowRecord & Contribution {
	return 'content' in record;
}

/** Asks the worker about a Datanet; undefined where it is locked, or has been deleted meanwhile. */
async function open<T>(
	datanet: string,
	work: Parameters<typeof datanetWorker<T>>[0]
): Promise<T | undefined> {
	try {
		await datanetWorker((api) => api.open(datanet));
		return await datanetWorker(work);
	} catch {
		return undefined;
	}
}

const asLocal = ({ id, name, count, created }: DatanetRecord): DatanetFacts => ({
	id,
	name,
	rows: count,
	time: created,
	local: id
});

const asVersion = ({ id, name }: DatanetRecord, version: VersionRecord): DatanetFacts => ({
	id: version.root,
	name,
	note: version.note,
	rows: version.ids.length / 32,
	time: Date.parse(version.created),
	local: id
});

/** A Datanet as a manifest names it. */
const asSource = ({ name, rows, id, root, sha256 }: AdapterEntry['datanets'][number]): DatanetFacts => ({
	id: root ?? (sha256 ? `0x${sha256}` : (id ?? `name:${name}`)),
	name,
	rows,
	local: id
});

function ownSettlement(record: SettlementRecord, place: number): SettlementFacts {
	const { id, chain, payer, batches, mode, time, hash } = record;
	const batch = record.batch === undefined ? undefined : record.batch + place;
	const { model = 0, amount = 0n } = batches[place] ?? {};
	return {
		id: batch === undefined ? `${id}.${place}` : `${chain}.${batch}`,
		chain,
		batch,
		payer: payer.toLowerCase(),
		model,
		amount,
		time,
		weighted: mode === 'auditable',
		transaction: hash
	};
}

/** The receipt of a reply for which nothing is owed. */
function unpriced({ id, adapter, receipt }: AttributionRecord): ReceiptFacts | undefined {
	return (
		receipt && {
			id: receipt.id,
			reply: id,
			adapter: adapter.name,
			time: receipt.time * 1000,
			tokens: receipt.tokens.reply
		}
	);
}
