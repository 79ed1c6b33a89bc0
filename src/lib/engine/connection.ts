import EngineWorker from '#workers/engine.worker.ts?worker';
import type { EngineApi } from '#workers/protocol.ts';
import { connect, type Connection as To } from '../worker-connection.ts';

export type Connection = To<EngineApi>;

/** Starts an engine worker. */
export function connectWorker(): Connection {
	return connect('engine', (options) => new EngineWorker(options));
}
