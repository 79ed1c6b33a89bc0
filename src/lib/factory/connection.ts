import TrainWorker from '#workers/train.worker.ts?worker';
import type { TrainApi } from '#workers/train/api.ts';
import { connect, type Connection } from '../worker-connection.ts';

/** Starts a training worker. */
export function connectTrainer(): Connection<TrainApi> {
	return connect('train', (options) => new TrainWorker(options));
}
