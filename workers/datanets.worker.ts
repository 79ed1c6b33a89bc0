import { expose } from './comlink.ts';
import { DatanetService } from './datanets/service/service.ts';
import { DatanetDb } from './datanets/store/db.ts';
import { holdLifeline } from './lifeline.ts';

holdLifeline(self.name);
expose(new DatanetService(new DatanetDb()));
