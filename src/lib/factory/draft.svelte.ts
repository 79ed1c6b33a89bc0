import type { DatanetRecord } from '#workers/datanets/store/schema.ts';
import type { Provider } from '#workers/protocol.ts';
import type { TrainingPlan, TrainingSource } from '#workers/train/api.ts';
import { OpenLedgerError } from '#workers/errors.ts';
import type { Hyperparameters, Preset } from '#workers/train/hyperparameters.ts';
import type { RepeatedPlan } from '#workers/train/repeat.ts';
import { preferences } from '../preferences.svelte.ts';
import { datanetRows, versionOf } from './datanet-rows.ts';
import type { QuickRows } from './quick-rows.ts';
import { labelOf, numbersIn, settingValue, sweepId, type NumberSetting } from './settings.ts';

/** Questions that are asked again and again while it learns. */
const MOST_PROMPTS = 5;

/** A run that is being planned: what the form holds. */
export class Draft {
	datanets = $state.raw<DatanetRecord[]>([]);
	quick = $state.raw<QuickRows>();
	base = $state('');
	continueFrom = $state('');
	preset = $state<Preset>('quick');
	/** What differs from the preset; as typed, an empty text is no difference. */
	numbers = $state<Partial<Record<NumberSetting, string>>>({});
	choices = $state<Partial<Pick<Hyperparameters, 'schedule' | 'optimiser' | 'packing' | 'rankStabilised'>>>(
		{}
	);
	targetModules = $state.raw<string[]>();
	prompts = $state('');
	seed = $state(1);
	sweepSetting = $state<NumberSetting | ''>('');
	sweepValues = $state('');
	name = $state('');
	/** The adapter that is made again: it decides settings, seed and rows. */
	repeated = $state.raw<RepeatedPlan>();
	#read = new Map<string, Promise<TrainingSource>>();

	/** Makes an adapter again, of these Datanets as far as they are here; without one the form is free again. */
	repeat(repeated: RepeatedPlan | undefined, datanets: DatanetRecord[] = []): void {
		this.repeated = repeated;
		if (!repeated) return;
		this.preset = repeated.preset;
		this.seed = repeated.seed;
		this.name = `${repeated.repeats?.name ?? ''}, again`;
		if (datanets.length > 0) this.datanets = datanets;
	}

	/** What it is called when nobody names it. */
	get suggestedName(): string {
		const [first, ...more] = [
			...this.datanets.map(({ name }) => name),
			...(this.quick ? [this.quick.name] : [])
		];
		return first === undefined ? '' : more.length > 0 ? `${first} and ${more.length} more` : first;
	}

	get questions(): string[] {
		return this.prompts
			.split('\n')
			.map((line) => line.trim())
			.filter(Boolean)
			.slice(0, MOST_PROMPTS);
	}

	get rowCount(): number {
		return this.datanets.reduce((sum, { count }) => sum + count, 0) + (this.quick?.rows.length ?? 0);
	}

	get ready(): boolean {
		return this.rowCount > 0 && this.base !== '';
	}

	/** One for each run of a sweep; a single `{}` where there is none. */
	get variants(): { value?: number; hyperparameters: Partial<Hyperparameters> }[] {
		const setting = this.sweepSetting;
		const values = setting === '' ? [] : numbersIn(this.sweepValues);
		if (setting === '' || values.length < 2) return [{ hyperparameters: {} }];
		return values.map((value) => ({ value, hyperparameters: { [setting]: value } }));
	}

	/** Changes whenever an estimate would. */
	get key(): string {
		return JSON.stringify([
			this.datanets.map(({ id, revision }) => [id, revision]),
			this.quick?.rows.length,
			this.quick?.name,
			this.base,
			this.continueFrom,
			this.preset,
			this.#changes,
			preferences.values.provider,
			this.repeated?.repeats?.files,
			this.questions.length
		]);
	}

	get #changes(): Partial<Hyperparameters> {
		const numbers = Object.entries(this.numbers)
			.filter(([, text]) => text.trim() !== '')
			.map(([name, text]) => [name, Number(text)] as const);
		return {
			...(Object.fromEntries(numbers) as Partial<Hyperparameters>),
			...$state.snapshot(this.choices),
			...(this.targetModules ? { targetModules: [...this.targetModules] } : {}),
			...this.repeated?.hyperparameters
		};
	}

	/** The plan as it stands, for an estimate: nothing is frozen or stored. */
	async plan(): Promise<TrainingPlan> {
		const provider: Provider | 'auto' = this.repeated?.provider ?? preferences.values.provider;
		let sources = await Promise.all(this.datanets.map((datanet) => this.#rows(datanet)));
		if (this.quick) {
			const { name, rows } = this.quick;
			sources.push({ name, rows });
		}
		if (this.repeated) sources = onlyRows(sources, this.repeated.rowIds);
		return {
			id: crypto.randomUUID(),
			name: this.name.trim() || this.suggestedName,
			base: this.base,
			continueFrom: this.continueFrom || undefined,
			sources,
			preset: this.preset,
			hyperparameters: this.#changes,
			prompts: this.questions,
			seed: this.seed,
			provider,
			repeats: this.repeated?.repeats
		};
	}

	/** What is started: each source with the version that holds its rows; several plans for a sweep. */
	async plans(): Promise<TrainingPlan[]> {
		const plan = await this.plan();
		const sources = await Promise.all(
			plan.sources.map(async (source) =>
				source.datanet ? { ...source, root: await versionOf(source.datanet, plan.name) } : source
			)
		);
		const setting = this.sweepSetting;
		const { variants } = this;
		if (setting === '' || variants.length < 2) return [{ ...plan, sources }];
		const sweep = Date.now().toString(36);
		return variants.map(({ value, hyperparameters }, i) => ({
			...plan,
			sources,
			id: sweepId(sweep, i),
			name: `${plan.name}, ${labelOf(setting).toLowerCase()} ${settingValue(value)}`,
			hyperparameters: { ...plan.hyperparameters, ...hyperparameters }
		}));
	}

	/** Read once for each state of the Datanet. */
	#rows(datanet: DatanetRecord): Promise<TrainingSource> {
		const key = `${datanet.id} ${datanet.revision}`;
		const rows = this.#read.get(key) ?? datanetRows(datanet);
		this.#read.set(key, rows);
		// A Datanet that was locked may be opened meanwhile.
		rows.catch(() => this.#read.delete(key));
		return rows;
	}
}

/** The rows with these ids. @throws OpenLedgerError `train/no-rows` where some are not among the sources' */
function onlyRows(sources: readonly TrainingSource[], ids: readonly string[]): TrainingSource[] {
	const wanted = new Set(ids);
	const found = sources
		.map((source) => ({ ...source, rows: source.rows.filter(({ id }) => wanted.has(id)) }))
		.filter(({ rows }) => rows.length > 0);
	const count = new Set(found.flatMap(({ rows }) => rows.map(({ id }) => id))).size;
	if (count === wanted.size) return found;
	throw new OpenLedgerError(
		'train/no-rows',
		`Of the ${wanted.size} rows that the adapter was made of, ${count} are here.`,
		{ remedy: 'Choose the Datanets that it names as well, or get them from the person who made it.' }
	);
}
