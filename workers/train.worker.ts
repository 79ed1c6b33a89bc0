import { browserEnvironment } from './browser-environment.ts';
import { expose } from './comlink.ts';
import { holdLifeline } from './lifeline.ts';
import { TrainService } from './train/service.ts';

holdLifeline(self.name);
expose(new TrainService(browserEnvironment));
