import { expose } from './comlink.ts';
import { LedgerService } from './ledger/service.ts';
import { BookStore } from './ledger/store.ts';
import { holdLifeline } from './lifeline.ts';

holdLifeline(self.name);
expose(new LedgerService(new BookStore()));
