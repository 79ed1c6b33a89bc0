import { proxy, wrap } from '#workers/comlink.ts';
import type { DatanetApi } from '#workers/datanets/api.ts';
import DatanetsWorker from '#workers/datanets.worker.ts?worker';

/** The worker without any page around it, for tests and benchmarks that drive it from outside. */
const worker = new DatanetsWorker({ name: 'datanets' });
const api = wrap<DatanetApi>(worker);

Object.assign(window, { datanets: { api, proxy, worker } });
