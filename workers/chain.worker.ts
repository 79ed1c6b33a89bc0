import { expose } from './comlink.ts';
import { appGenesis } from './chain/app-genesis.ts';
import { Sandbox } from './chain/sandbox.ts';
import { ChainDb } from './chain/store.ts';
import { holdLifeline } from './lifeline.ts';

holdLifeline(self.name);
expose(new Sandbox(new ChainDb(), { genesis: appGenesis }));
