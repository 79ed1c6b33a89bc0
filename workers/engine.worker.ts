import { browserEnvironment } from './browser-environment.ts';
import { expose } from './comlink.ts';
import { Engine } from './engine/engine.ts';
import { holdLifeline } from './lifeline.ts';

holdLifeline(self.name);
expose(new Engine(browserEnvironment));
