/**
 * What is stored of the things that a walk passes, freed from where it is stored. Every name and text comes from somewhere else and is
 * to be shown as text. Ids:
 *
 * | kind | id |
 * | --- | --- |
 * | contributor | address, lower case; `number@weights` for one whom an index only numbers |
 * | row | id of the contribution |
 * | datanet | Merkle root of the version, SHA-256 of the file of rows, or the id of one without versions |
 * | base | SHA-256 of its file |
 * | adapter | SHA-256 of its weights |
 * | reply | id of the chat message |
 * | receipt | the receipt's own |
 * | settlement | `chain.batch`; while it is on its way `record.place` |
 * | reward | `chain.key` |
 */
export const KINDS = [
	'contributor',
	'row',
	'datanet',
	'base',
	'adapter',
	'reply',
	'receipt',
	'settlement',
	'reward'
] as const;
export type Kind = (typeof KINDS)[number];

export interface Ref {
	kind: Kind;
	id: string;
}

/** As far as they were asked for, and whether there are more. */
export interface Some<Item> {
	items: Item[];
	more: boolean;
}

export interface PersonFacts {
	id: string;
	/** As rows name them. */
	name?: string;
	/** The person at this device. */
	isMe?: boolean;
	/** Numbers on the chain that pay this person. */
	numbers?: number[];
}

export interface DatanetFacts {
	id: string;
	name: string;
	/** What was said of the version. */
	note?: string;
	/** Rows in it. */
	rows?: number;
	/** Milliseconds since the epoch. */
	time?: number;
	/** Id of the Datanet on this device. */
	local?: string;
	/** Where its root stands on the chain that is chosen. */
	published?: { network: string; datanet: number; version: number };
}

export interface RowFacts {
	id: string;
	/** Its first words; absent where they are not on this device, or locked. */
	text?: string;
	contributor?: PersonFacts;
	licence?: string;
	source?: string;
	/** Milliseconds since the epoch. */
	time?: number;
	/** Id of the row that it corrects. */
	parent?: string;
	/** Where it stands. */
	datanets: DatanetFacts[];
}

export interface BaseFacts {
	id: string;
	name: string;
}

export interface AdapterFacts {
	id: string;
	name: string;
	author?: string;
	licence?: string;
	base?: BaseFacts;
	datanets: DatanetFacts[];
	/** Those that it goes on from, the nearest first. */
	parents: { id: string; name: string }[];
	/** Its id in the library of this device. */
	entry: string;
}

export interface ReplyFacts {
	id: string;
	conversation: string;
	text: string;
	/** Milliseconds since the epoch. */
	time: number;
	base?: BaseFacts;
	adapters: Pick<AdapterFacts, 'id' | 'name'>[];
	/** That were written; absent where they were not counted. */
	tokens?: number;
	/** In 1/65,535; absent while nothing was measured. */
	parts?: { base: number; contributors: number; unattributed: number };
	/** Rows that moved it with their shares in 1/65,535, the greatest first. */
	rows: { row: RowFacts; share: number }[];
}

export interface ReceiptFacts {
	id: string;
	reply?: string;
	/** The adapter's name as it was then. */
	adapter: string;
	/** Milliseconds since the epoch. */
	time: number;
	tokens: number;
	/** Wei; absent for a receipt that nobody owes anything for. */
	amount?: bigint;
	/** The settlement that it is in. */
	settlement?: SettlementFacts;
}

export interface SettlementFacts {
	id: string;
	chain: number;
	/** Number on the chain; absent while it is on its way. */
	batch?: number;
	/** Address, lower case. */
	payer: string;
	model: number;
	/** Wei. */
	amount: bigint;
	/** Milliseconds since the epoch. */
	time: number;
	/** Contributors are paid by measured weights. */
	weighted: boolean;
	/** A final root holds it; absent where the books were not asked. */
	final?: boolean;
	transaction?: string;
	/** Whom it paid, by the books; absent where they do not hold it. Wei. */
	rewards?: { reward: RewardFacts; wei: bigint }[];
}

export interface RewardFacts {
	id: string;
	chain: number;
	/** Reward key. */
	key: number;
	name: string;
	/** What the books say of it; absent where they were asked for the name alone. Wei. */
	sums?: { claimable: bigint; pending: bigint; claimed: bigint };
}

/** What lineage is read from. Each answer is looked up when it is asked for; `undefined` and empty lists say that nothing is known here. */
export interface Memory {
	person(id: string): Promise<PersonFacts | undefined>;
	row(id: string): Promise<RowFacts | undefined>;
	/** Rows of a person, of a Datanet, or that correct a row. */
	rows(
		of: { contributor: string } | { datanet: string } | { parent: string },
		most: number
	): Promise<Some<RowFacts>>;
	datanet(id: string): Promise<DatanetFacts | undefined>;
	base(id: string): Promise<BaseFacts | undefined>;
	adapters(): Promise<AdapterFacts[]>;
	reply(id: string): Promise<ReplyFacts | undefined>;
	/** The newest first. */
	replies(
		of: { row: string } | { adapter: string } | { base: string },
		most: number
	): Promise<Some<ReplyFacts>>;
	receipt(id: string): Promise<ReceiptFacts | undefined>;
	receipts(of: { reply: string } | { settlement: string }, most: number): Promise<Some<ReceiptFacts>>;
	settlement(id: string): Promise<SettlementFacts | undefined>;
	/** Those that paid a reward key, the newest first. */
	settlements(
		of: { reward: string },
		most: number
	): Promise<Some<{ settlement: SettlementFacts; wei: bigint }>>;
	reward(id: string): Promise<RewardFacts | undefined>;
	/** Rewards that pay a person, with what of them is the person's. Wei. */
	rewards(of: { contributor: string }): Promise<{ reward: RewardFacts; wei: bigint }[]>;
	/** Whom a reward pays. Wei. */
	holders(reward: string): Promise<{ person: PersonFacts; wei: bigint }[]>;
}
