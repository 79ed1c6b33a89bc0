import {
	KINDS,
	type AdapterFacts,
	type Kind,
	type Memory,
	type PersonFacts,
	type ReceiptFacts,
	type Ref,
	type ReplyFacts,
	type RewardFacts,
	type RowFacts,
	type SettlementFacts,
	type DatanetFacts,
	type BaseFacts,
	type Some
} from './facts.ts';

interface FactsOf {
	contributor: PersonFacts;
	row: RowFacts;
	datanet: DatanetFacts;
	base: BaseFacts;
	/** Of one that is not on this device, no more than its name. */
	adapter: Pick<AdapterFacts, 'id' | 'name'> & Partial<AdapterFacts>;
	reply: ReplyFacts;
	receipt: ReceiptFacts;
	settlement: SettlementFacts;
	reward: RewardFacts;
}

/** One thing with what is known of it. */
export type Node = { [K in Kind]: { kind: K; id: string; facts: FactsOf[K] } }[Kind];

/** How a maker is bound to what came of it. */
export type Relation =
	/** contributor → row */
	| 'gave'
	/** row → row */
	| 'corrected'
	/** row → datanet */
	| 'holds'
	/** datanet → adapter */
	| 'taught'
	/** base → adapter */
	| 'carries'
	/** adapter → adapter */
	| 'continued'
	/** base or adapter → reply */
	| 'wrote'
	/** row → reply */
	| 'moved'
	/** reply → receipt */
	| 'measured'
	/** receipt → settlement */
	| 'paid'
	/** settlement → reward */
	| 'earned'
	/** reward → contributor */
	| 'belongs';

/** A neighbour, and what binds it to the thing in the middle. */
export interface Link {
	node: Node;
	/** Of a reply, in 1/65,535. */
	share?: number;
	wei?: bigint;
}

/** Neighbours that are bound alike, as many as were asked for. */
export interface Group {
	relation: Relation;
	links: Link[];
	/** There are more. */
	more: boolean;
}

/** A thing, what it was made of and what came of it. */
export interface Lineage {
	node: Node;
	makers: Group[];
	made: Group[];
}

type Neighbours = Pick<Lineage, 'makers' | 'made'>;

/**
 * What a thing was made of and what came of it, one step each way; a walk is one call after another. Both ends of a step tell the same of it.
 * @param most neighbours of a kind
 * @returns undefined where the thing is not known here
 */
export async function lineageOf(ref: Ref, memory: Memory, most: number): Promise<Lineage | undefined> {
	const node = await nodeOf(ref, memory);
	if (!node) return undefined;
	const { makers, made } = await neighboursOf(node, memory, most);
	const some = ({ links }: Group) => links.length > 0;
	return { node, makers: makers.filter(some), made: made.filter(some) };
}

/** All things that a lineage shows. */
export function nodesOf({ node, makers, made }: Lineage): Node[] {
	return [node, ...[...makers, ...made].flatMap(({ links }) => links.map((link) => link.node))];
}

/** A thing by itself. @returns undefined where it is not known here */
export async function nodeOf({ kind, id }: Ref, memory: Memory): Promise<Node | undefined> {
	const facts =
		kind === 'contributor'
			? await memory.person(id)
			: kind === 'adapter'
				? await adapterOf(id, memory)
				: await memory[kind](id);
	return facts && asNode(kind, facts);
}

/** One that is not here any more is known by what it wrote and by what goes on from it. */
async function adapterOf(id: string, memory: Memory): Promise<FactsOf['adapter'] | undefined> {
	const here = await memory.adapters();
	const named = [...here, ...here.flatMap(({ parents }) => parents)].find((adapter) => adapter.id === id);
	const [reply] = named ? [] : (await memory.replies({ adapter: id }, 1)).items;
	return named ?? reply?.adapters.find((adapter) => adapter.id === id);
}

function asNode<K extends Kind>(kind: K, facts: FactsOf[K]): Node {
	return { kind, id: facts.id, facts } as unknown as Node;
}

async function neighboursOf(node: Node, memory: Memory, most: number): Promise<Neighbours> {
	const { id } = node;
	switch (node.kind) {
		case 'contributor': {
			const rewards = await memory.rewards({ contributor: id });
			return {
				makers: [
					group('belongs', rewards, most, ({ reward, wei }) => ({ node: asNode('reward', reward), wei }))
				],
				made: [nodes('gave', 'row', await memory.rows({ contributor: id }, most))]
			};
		}
		case 'row': {
			const { contributor, parent, datanets } = node.facts;
			const corrected = parent ? ((await memory.row(parent)) ?? { id: parent, datanets: [] }) : undefined;
			const replies = await memory.replies({ row: id }, most);
			return {
				makers: [
					nodes('gave', 'contributor', listed(contributor)),
					nodes('corrected', 'row', listed(corrected))
				],
				made: [
					nodes('corrected', 'row', await memory.rows({ parent: id }, most)),
					nodes('holds', 'datanet', { items: datanets, more: false }),
					{
						relation: 'moved',
						more: replies.more,
						links: replies.items.map((reply) => ({
							node: asNode('reply', reply),
							share: reply.rows.find(({ row }) => row.id === id)?.share
						}))
					}
				]
			};
		}
		case 'datanet': {
			const adapters = await memory.adapters();
			const taught = adapters.filter(({ datanets }) => datanets.some((datanet) => datanet.id === id));
			return {
				makers: [nodes('holds', 'row', await memory.rows({ datanet: id }, most))],
				made: [group('taught', taught, most, (adapter) => ({ node: asNode('adapter', adapter) }))]
			};
		}
		case 'base': {
			const over = (await memory.adapters()).filter(({ base }) => base?.id === id);
			return {
				makers: [],
				made: [
					group('carries', over, most, (adapter) => ({ node: asNode('adapter', adapter) })),
					nodes('wrote', 'reply', await memory.replies({ base: id }, most))
				]
			};
		}
		case 'adapter': {
			const all = await memory.adapters();
			const { base, datanets = [], parents = [] } = node.facts;
			const known = parents.slice(0, 1).map((parent) => all.find((one) => one.id === parent.id) ?? parent);
			const after = all.filter((one) => one.parents[0]?.id === id);
			return {
				makers: [
					nodes('carries', 'base', listed(base)),
					nodes('continued', 'adapter', { items: known, more: false }),
					nodes('taught', 'datanet', { items: datanets, more: false })
				],
				made: [
					group('continued', after, most, (adapter) => ({ node: asNode('adapter', adapter) })),
					nodes('wrote', 'reply', await memory.replies({ adapter: id }, most))
				]
			};
		}
		case 'reply': {
			const { base, adapters, rows } = node.facts;
			const here = await memory.adapters();
			const wrote = [
				...adapters.map((adapter) =>
					asNode('adapter', here.find(({ id: known }) => known === adapter.id) ?? adapter)
				),
				...(base ? [asNode('base', base)] : [])
			];
			return {
				makers: [
					{ relation: 'wrote', links: wrote.map((maker) => ({ node: maker })), more: false },
					group('moved', rows, most, ({ row, share }) => ({ node: asNode('row', row), share }))
				],
				made: [nodes('measured', 'receipt', await memory.receipts({ reply: id }, most))]
			};
		}
		case 'receipt': {
			const { reply, settlement, amount } = node.facts;
			return {
				makers: [nodes('measured', 'reply', listed(reply ? await memory.reply(reply) : undefined))],
				made: [
					{
						relation: 'paid',
						more: false,
						links: settlement ? [{ node: asNode('settlement', settlement), wei: amount }] : []
					}
				]
			};
		}
		case 'settlement': {
			const receipts = await memory.receipts({ settlement: id }, most);
			const links = receipts.items.map((receipt) => ({
				node: asNode('receipt', receipt),
				wei: receipt.amount
			}));
			return {
				makers: [{ relation: 'paid', links, more: receipts.more }],
				made: [
					group('earned', node.facts.rewards ?? [], Infinity, ({ reward, wei }) => ({
						node: asNode('reward', reward),
						wei
					}))
				]
			};
		}
		case 'reward': {
			const { items, more } = await memory.settlements({ reward: id }, most);
			const links = items.map(({ settlement, wei }) => ({ node: asNode('settlement', settlement), wei }));
			return {
				makers: [{ relation: 'earned', links, more }],
				made: [
					group('belongs', await memory.holders(id), most, ({ person, wei }) => ({
						node: asNode('contributor', person),
						wei
					}))
				]
			};
		}
	}
}

const listed = <Item>(item: Item | undefined): Some<Item> => ({ items: item ? [item] : [], more: false });

function nodes<K extends Kind>(relation: Relation, kind: K, { items, more }: Some<FactsOf[K]>): Group {
	return { relation, more, links: items.map((facts) => ({ node: asNode(kind, facts) })) };
}

function group<Item>(
	relation: Relation,
	items: readonly Item[],
	most: number,
	link: (item: Item) => Link
): Group {
	return { relation, links: items.slice(0, most).map(link), more: items.length > most };
}

/** `kind:id`, as it stands in the page's address. */
export function refText({ kind, id }: Ref): string {
	return `${kind}:${id}`;
}

/** Reads what `refText` wrote, from anywhere; undefined where it is none. */
export function parseRef(text: string | null): Ref | undefined {
	const [, name, id] = /^([a-z]+):(.{1,300})$/u.exec(text ?? '') ?? [];
	const kind = KINDS.find((each) => each === name);
	return kind && id !== undefined ? { kind, id } : undefined;
}
