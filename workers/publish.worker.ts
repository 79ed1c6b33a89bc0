import { expose } from './comlink.ts';
import { Tasks } from './datanets/service/tasks.ts';
import { carOf } from './ipfs/car.ts';
import { holdLifeline } from './lifeline.ts';
import { pushRepo } from './models/hub/push.ts';
import type { PublishApi } from './publish/api.ts';

const tasks = new Tasks();
const api: PublishApi = {
	car: carOf,
	push: (name, files, options, task, onProgress) =>
		tasks.run(task, (signal) => pushRepo({ type: 'model', name }, files, options, onProgress, signal)),
	async cancel(task) {
		tasks.cancel(task);
	}
};

holdLifeline(self.name);
expose(api);
