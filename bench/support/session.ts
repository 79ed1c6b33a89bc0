import { openShape, type Shape } from './models.ts';
import { time } from './statistics.ts';

/** Milliseconds until a decoder of that shape stands, its weights read from disk. */
export async function createSession(shape: Shape): Promise<number> {
	let decoder: Awaited<ReturnType<typeof openShape>>['decoder'] | undefined;
	const elapsed = await time(async () => {
		({ decoder } = await openShape(shape));
	});
	await decoder?.dispose();
	return elapsed;
}
