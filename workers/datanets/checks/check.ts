import { textOf, type Contribution } from '../contribution.ts';
import { toHex } from '../hash.ts';
import type { Session } from '../session.ts';
import { askedBy, contradiction, type Asked } from './contradictions.ts';
import { languageOf } from './language.ts';
import { NearDuplicates } from './near-duplicates.ts';
import type { PersonalKind } from './personal-data.ts';
import { FLAGS, flagsIn, qualityOf, type Flag } from './quality.ts';
import type { CheckLimits } from './limits.ts';
import { checkRow } from './row-checks.ts';
import { shinglesOf } from './shingles.ts';

export interface CheckProgress {
	step: 'rows' | 'near-duplicates' | 'contradictions';
	done: number;
	total: number;
}

export interface Contradiction {
	/** Slots of the two rows. */
	a: number;
	b: number;
	why: string;
}

/** Arrays have one entry a slot; slots of rows that were not in the Datanet hold nothing. */
export interface CheckReport {
	revision: number;
	at: number;
	rows: number;
	flags: Uint32Array;
	quality: Uint8Array;
	/** Slot of the first row of the group of equal or nearly equal rows, or −1. */
	groups: Int32Array;
	/** Detected language: index into `languages`. */
	languageCodes: Uint8Array;
	languages: string[];
	counts: Record<Flag, number>;
	personal: Record<PersonalKind, number>;
	/** At most CONTRADICTIONS_KEPT. */
	contradictions: Contradiction[];
	/** Name of the Datanet that it was compared with. */
	against?: string;
}

const CONTRADICTIONS_KEPT = 1_000;
/** Rows that ask the same which are compared with each other. */
const ANSWERS_COMPARED = 12;
/** A language is the Datanet's own when this part of its rows is written in it. */
const DOMINANT = 0.8;

/**
 * Checks all rows of a Datanet. Reads every row once; then compares. `goOn` is called several times a second and may
 * throw to cancel.
 *
 * @param against another Datanet whose rows are looked for in this one
 */
export async function checkDatanet(
	session: Session,
	limits: CheckLimits,
	goOn: (progress: CheckProgress) => void | Promise<void>,
	against?: { session: Session; name: string }
): Promise<CheckReport> {
	await session.refresh();
	const check = new Check(session, limits, goOn);
	await check.readRows();
	if (against) await check.readOthers(against.session);
	await check.compare();
	await check.contradict();
	return check.report(against?.name);
}

class Check {
	readonly #session: Session;
	readonly #limits: CheckLimits;
	readonly #goOn: (progress: CheckProgress) => void | Promise<void>;
	readonly #listed: Uint32Array;
	readonly #flags: Uint32Array;
	readonly #groups: Int32Array;
	readonly #languageCodes: Uint8Array;
	readonly #languages: string[] = [''];
	readonly #personal: Record<PersonalKind, number> = {
		'e-mail': 0,
		phone: 0,
		card: 0,
		iban: 0,
		'national-id': 0
	};
	readonly #near = new NearDuplicates();
	/** Slot of each text in `#near`; −1 for one of another Datanet. */
	readonly #slots: number[] = [];
	readonly #stated: string[] = [];
	readonly #questions = new Map<number, number[]>();
	#contradictions: Contradiction[] = [];

	constructor(
		session: Session,
		limits: CheckLimits,
		goOn: (progress: CheckProgress) => void | Promise<void>
	) {
		this.#session = session;
		this.#limits = limits;
		this.#goOn = goOn;
		this.#listed = session.catalogue.listed();
		const size = this.#listed.reduce((most, slot) => Math.max(most, slot + 1), 0);
		this.#flags = new Uint32Array(size);
		this.#groups = new Int32Array(size).fill(-1);
		this.#languageCodes = new Uint8Array(size);
	}

	async readRows(): Promise<void> {
		const { catalogue, rows } = this.#session;
		let done = 0;
		for await (const batch of rows.all(500)) {
			for (const row of batch) {
				const slot = catalogue.find(row.id);
				if (slot < 0 || !catalogue.isIn(slot)) continue;
				this.#row(row, slot);
				done++;
			}
			await this.#goOn({ step: 'rows', done, total: this.#listed.length });
		}
	}

	#row(row: Contribution, slot: number): void {
		const language = languageOf(row);
		let code = this.#languages.indexOf(language);
		if (code < 0) code = this.#languages.push(language) - 1;
		this.#languageCodes[slot] = code;
		this.#stated[slot] = row.language;
		const { flags, personal } = checkRow(row, language, this.#limits);
		this.#flags[slot] = flags;
		for (const { kind } of personal) this.#personal[kind]++;
		this.#near.add(shinglesOf(textOf(row.content)));
		this.#slots.push(slot);
		const asked = askedBy(row.content);
		if (!asked || asked.question === '') return;
		const key = hash53(asked.question);
		const same = this.#questions.get(key);
		if (same) same.push(slot);
		else this.#questions.set(key, [slot]);
	}

	async readOthers(other: Session): Promise<void> {
		await other.refresh();
		const known = other.index.contents();
		for (const slot of this.#listed)
			if (known(this.#session.index.contentHashAt(slot))) this.#flag(slot, FLAGS.overlap);
		for await (const batch of other.rows.all(500)) {
			for (const row of batch) {
				const slot = other.catalogue.find(row.id);
				if (slot < 0 || !other.catalogue.isIn(slot)) continue;
				this.#near.add(shinglesOf(textOf(row.content)));
				this.#slots.push(-1);
			}
			await this.#goOn({ step: 'rows', done: this.#listed.length, total: this.#listed.length });
		}
	}

	async compare(): Promise<void> {
		const run = this.#near.groups();
		for (;;) {
			const { value, done } = run.next();
			if (done) return this.#group(value);
			await this.#goOn({ step: 'near-duplicates', ...value });
		}
	}

	/** The first row of a group in the list stands for it; the others are its duplicates. */
	#group(groups: Int32Array): void {
		const textOfSlot = new Map(this.#slots.map((slot, text) => [slot, text]));
		const shared = new Set<number>();
		groups.forEach((group, text) => {
			if (group >= 0 && this.#slots[text] === -1) shared.add(group);
		});
		const first = new Map<number, number>();
		const contents = new Map<string, number>();
		for (const slot of this.#listed) {
			const hash = toHex(this.#session.index.contentHashAt(slot));
			const twin = contents.get(hash);
			if (twin === undefined) contents.set(hash, slot);
			else this.#flag(slot, FLAGS.duplicate);
			const group = groups[textOfSlot.get(slot) ?? -1] ?? -1;
			if (group < 0) {
				if (twin !== undefined) this.#groups[slot] = this.#groups[twin] = twin;
				continue;
			}
			if (shared.has(group)) this.#flag(slot, FLAGS.overlap);
			const leader = first.get(group);
			if (leader === undefined) first.set(group, slot);
			else {
				this.#groups[slot] = this.#groups[leader] = leader;
				if (twin === undefined) this.#flag(slot, FLAGS.nearDuplicate);
			}
		}
	}

	async contradict(): Promise<void> {
		const groups = [...this.#questions.values()].filter((slots) => slots.length > 1);
		for (const [done, slots] of groups.entries()) {
			const compared = slots.slice(0, ANSWERS_COMPARED);
			const rows = await this.#session.rows.need(this.#session.idsOf(Uint32Array.from(compared)));
			const asked = rows.map((row) => askedBy(row.content));
			for (let i = 0; i < compared.length; i++) for (let j = 0; j < i; j++) this.#pair(compared, asked, j, i);
			if (done % 50 === 0) await this.#goOn({ step: 'contradictions', done, total: groups.length });
		}
	}

	#pair(slots: number[], asked: (Asked | undefined)[], i: number, j: number): void {
		// Their hashes are equal; their words must be too.
		if (asked[i]?.question !== asked[j]?.question) return;
		const why = contradiction(asked[i]?.answer ?? '', asked[j]?.answer ?? '');
		const [a, b] = [slots[i], slots[j]];
		if (why === undefined || a === undefined || b === undefined) return;
		this.#flag(a, FLAGS.contradiction);
		this.#flag(b, FLAGS.contradiction);
		if (this.#contradictions.length < CONTRADICTIONS_KEPT) this.#contradictions.push({ a, b, why });
	}

	report(against: string | undefined): CheckReport {
		this.#judgeLanguages();
		const quality = Uint8Array.from(this.#flags, qualityOf);
		const counts = Object.fromEntries(Object.keys(FLAGS).map((flag) => [flag, 0])) as Record<Flag, number>;
		for (const slot of this.#listed) for (const flag of flagsIn(this.#flags[slot] ?? 0)) counts[flag]++;
		return {
			revision: this.#session.catalogue.revision,
			at: Date.now(),
			rows: this.#listed.length,
			flags: this.#flags,
			quality,
			groups: this.#groups,
			languageCodes: this.#languageCodes,
			languages: this.#languages,
			counts,
			personal: this.#personal,
			contradictions: this.#contradictions,
			...(against === undefined ? {} : { against })
		};
	}

	/** A row's own word counts first; without it, the language that most rows are written in. */
	#judgeLanguages(): void {
		const counts = new Map<number, number>();
		for (const slot of this.#listed) {
			const code = this.#languageCodes[slot] ?? 0;
			if (code !== 0) counts.set(code, (counts.get(code) ?? 0) + 1);
		}
		const told = [...counts.values()].reduce((sum, count) => sum + count, 0);
		const dominant = [...counts].find(([, count]) => count >= DOMINANT * told)?.[0];
		for (const slot of this.#listed) {
			const detected = this.#languageCodes[slot] ?? 0;
			if (detected === 0) continue;
			const stated = this.#stated[slot]?.slice(0, 2).toLowerCase();
			const expected = stated || (dominant === undefined ? undefined : this.#languages[dominant]);
			if (expected !== undefined && expected !== this.#languages[detected])
				this.#flag(slot, FLAGS.otherLanguage);
		}
	}

	#flag(slot: number, flag: number): void {
		this.#flags[slot] = (this.#flags[slot] ?? 0) | flag;
	}
}

/** 53 bits from two 32-bit FNV-1a hashes: a question takes eight bytes instead of its text. */
function hash53(text: string): number {
	let low = 0x811c9dc5;
	let high = 0x01234567;
	for (let i = 0; i < text.length; i++) {
		low = Math.imul(low ^ text.charCodeAt(i), 0x01000193);
		high = Math.imul(high ^ text.charCodeAt(i), 0x85ebca6b);
	}
	return (high & 0x1fffff) * 2 ** 32 + (low >>> 0);
}
