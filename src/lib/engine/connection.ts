import EngineWorker from '#workers/engine.worker.ts?worker';
import type { EngineApi } from '#workers/protocol.ts';
import { connect, type Connection as To } from '../worker-connection.ts';

/** The page's engine ends its calls itself: also when it is started anew. */
export type Connection = Omit<To<EngineApi>, 'settle'>;

/** Starts an engine worker. */
export function connectWorker(): Connection {
	return connect('engine', (options) => new EngineWorker(options));
}
