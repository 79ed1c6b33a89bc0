/** What a reply may contain once it is parsed. Only these are drawn, each by a component: no HTML is ever written. */
export type Inline =
	| { type: 'text'; text: string }
	| { type: 'code'; text: string }
	| { type: 'break' }
	| { type: 'strong' | 'emphasis' | 'deleted'; children: Inline[] }
	/** `target` is what the person is shown: the host, or the mail address. */
	| { type: 'link'; href: string; target: string; children: Inline[] };

export type Block =
	| { type: 'paragraph'; children: Inline[] }
	| { type: 'heading'; depth: number; children: Inline[] }
	| { type: 'code'; language: string; text: string }
	| { type: 'quote'; blocks: Block[] }
	| { type: 'list'; start: number | null; items: Item[] }
	| { type: 'table'; align: ('left' | 'center' | 'right' | null)[]; header: Inline[][]; rows: Inline[][][] }
	| { type: 'rule' };

export interface Item {
	/** Null: not a task. */
	checked: boolean | null;
	blocks: Block[];
}
