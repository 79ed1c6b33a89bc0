import { liveQuery } from 'dexie';

/**
 * The result of a Dexie query, kept current while the component that made it lives; also when another tab writes.
 * @param prepare reads the runes that the query depends on, and returns the query
 */
export class Live<Result> {
	value = $state.raw<Result>();
	error = $state.raw<unknown>();

	constructor(prepare: () => () => Promise<Result>) {
		$effect(() => {
			const subscription = liveQuery(prepare()).subscribe({
				next: (value) => {
					this.value = value;
					this.error = undefined;
				},
				error: (error: unknown) => (this.error = error)
			});
			return () => subscription.unsubscribe();
		});
	}
}
