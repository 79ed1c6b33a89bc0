import { AttributionService } from './attribution/service.ts';
import { browserEnvironment } from './browser-environment.ts';
import { expose } from './comlink.ts';
import { holdLifeline } from './lifeline.ts';

holdLifeline(self.name);
expose(new AttributionService(browserEnvironment));
