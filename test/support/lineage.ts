import type {
	AdapterFacts,
	DatanetFacts,
	Memory,
	PersonFacts,
	ReceiptFacts,
	ReplyFacts,
	RewardFacts,
	RowFacts,
	SettlementFacts,
	Some
} from '#lib/lineage/facts.ts';

/** All that a small world knows: each list holds whole facts, and lineage is looked up in them. */
export interface World {
	people: PersonFacts[];
	rows: RowFacts[];
	datanets: DatanetFacts[];
	adapters: AdapterFacts[];
	replies: ReplyFacts[];
	receipts: ReceiptFacts[];
	settlements: SettlementFacts[];
	rewards: RewardFacts[];
	/** Reward id → person id and wei. */
	holdings: { reward: string; person: string; wei: bigint }[];
}

/** A memory over a world, as lazily as the stored one. */
export function memoryOf(world: World): Memory {
	const find = async <Item extends { id: string }>(items: Item[], id: string) =>
		items.find((item) => item.id === id);
	const some = async <Item>(items: Item[], most: number): Promise<Some<Item>> => ({
		items: items.slice(0, most),
		more: items.length > most
	});
	const need = <Item extends { id: string }>(items: Item[], id: string): Item => {
		const item = items.find((each) => each.id === id);
		if (!item) throw new Error(`nothing is called ${id}`);
		return item;
	};
	return {
		person: (id) => find(world.people, id),
		row: (id) => find(world.rows, id),
		rows: (of, most) =>
			some(
				world.rows.filter(({ contributor, parent, datanets }) =>
					'contributor' in of
						? contributor?.id === of.contributor
						: 'parent' in of
							? parent === of.parent
							: datanets.some(({ id }) => id === of.datanet)
				),
				most
			),
		datanet: (id) => find(world.datanets, id),
		base: async (id) => world.adapters.find(({ base }) => base?.id === id)?.base,
		adapters: async () => world.adapters,
		reply: (id) => find(world.replies, id),
		replies: (of, most) =>
			some(
				world.replies.filter(({ rows, adapters, base }) =>
					'row' in of
						? rows.some(({ row }) => row.id === of.row)
						: 'adapter' in of
							? adapters.some(({ id }) => id === of.adapter)
							: base?.id === of.base
				),
				most
			),
		receipt: (id) => find(world.receipts, id),
		receipts: (of, most) =>
			some(
				world.receipts.filter(({ reply, settlement }) =>
					'reply' in of ? reply === of.reply : settlement?.id === of.settlement
				),
				most
			),
		settlement: (id) => find(world.settlements, id),
		settlements: (of, most) =>
			some(
				world.settlements.flatMap((settlement) =>
					(settlement.rewards ?? [])
						.filter(({ reward }) => reward.id === of.reward)
						.map(({ wei }) => ({ settlement, wei }))
				),
				most
			),
		reward: (id) => find(world.rewards, id),
		rewards: async ({ contributor }) =>
			world.holdings
				.filter(({ person }) => person === contributor)
				.map(({ reward, wei }) => ({ reward: need(world.rewards, reward), wei })),
		holders: async (reward) =>
			world.holdings
				.filter((holding) => holding.reward === reward)
				.map(({ person, wei }) => ({ person: need(world.people, person), wei }))
	};
}

const hex = (digit: string, length = 64) => `0x${digit.repeat(length)}`;

/** One of everything, and what makes a walk hard: a correction, a parent, a reply without words, names that are markup. */
export function smallWorld(): World {
	const ada: PersonFacts = { id: hex('a', 40), name: 'Ada <b>Obi</b>', numbers: [1] };
	const ben: PersonFacts = { id: hex('b', 40), name: '"}],"@id":"urn:x', numbers: [2] };
	const version: DatanetFacts = {
		id: hex('1'),
		name: 'Finance',
		note: 'first',
		rows: 2,
		local: 'f'.repeat(32)
	};
	const base = { id: '5'.repeat(64), name: 'openledger/nano' };
	const old: RowFacts = {
		id: hex('2'),
		text: 'What is money? — Coins.',
		contributor: ada,
		time: 1e12,
		datanets: []
	};
	const row: RowFacts = {
		id: hex('3'),
		text: 'What is money? — <script>alert(1)</script>',
		contributor: ben,
		licence: 'CC-BY-4.0',
		time: 2e12,
		parent: old.id,
		datanets: [version]
	};
	const other: RowFacts = { id: hex('4'), contributor: ada, datanets: [version] };
	const parent: AdapterFacts = {
		id: '6'.repeat(64),
		name: 'Finance',
		base,
		datanets: [version],
		parents: [],
		entry: 'library'
	};
	const adapter: AdapterFacts = {
		...parent,
		id: '7'.repeat(64),
		name: 'Finance 2',
		author: 'Ada',
		parents: [{ id: parent.id, name: parent.name }]
	};
	const parts = { base: 20_000, contributors: 40_000, unattributed: 5535 };
	const reply: ReplyFacts = {
		id: 'reply-1',
		conversation: 'talk',
		text: 'Money is what one pays with.',
		time: 3e12,
		base,
		adapters: [{ id: adapter.id, name: adapter.name }],
		parts,
		rows: [
			{ row, share: 30_000 },
			{ row: other, share: 10_000 }
		]
	};
	const wordless: ReplyFacts = { ...reply, id: 'reply-2', text: '', parts: undefined, rows: [] };
	const reward = (key: number, name: string, claimable: bigint): RewardFacts => ({
		id: `1.${key}`,
		chain: 1,
		key,
		name,
		sums: { claimable, pending: 0n, claimed: 0n }
	});
	const rewards = [
		reward(1, 'Contributor 1', 333_333_333_333_333_333n),
		reward(2, 'Contributor 2', 10n ** 18n)
	];
	const settlement: SettlementFacts = {
		id: '1.1',
		chain: 1,
		batch: 1,
		payer: hex('c', 40),
		model: 2,
		amount: 1_333_333_333_333_333_333n,
		time: 4e12,
		weighted: true,
		final: true,
		rewards: rewards.map((each) => ({ reward: each, wei: each.sums?.claimable ?? 0n }))
	};
	const receipt: ReceiptFacts = {
		id: hex('8'),
		reply: reply.id,
		adapter: adapter.name,
		time: 3e12,
		tokens: 12,
		amount: settlement.amount,
		settlement
	};
	const unpaid: ReceiptFacts = {
		id: hex('9'),
		reply: wordless.id,
		adapter: adapter.name,
		time: 3e12,
		tokens: 3
	};
	return {
		people: [ada, ben],
		rows: [old, row, other],
		datanets: [version],
		adapters: [parent, adapter],
		replies: [reply, wordless],
		receipts: [receipt, unpaid],
		settlements: [settlement],
		rewards,
		holdings: rewards.map(({ id, sums }, i) => ({
			reward: id,
			person: [ada, ben][i]?.id ?? '',
			wei: sums?.claimable ?? 0n
		}))
	};
}
