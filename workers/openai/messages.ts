import type { ApiResponse } from './answer.ts';

/**
 * Between the service worker and the tab that answers. The worker asks all tabs with `callForTab` and a port each; the one
 * that holds `apiLock` says `here` and is then sent the request on its port.
 */
export const callForTab = 'openledger: who answers the API?';
export const here = 'here';
/** The tab that answers holds this Web Lock; the next one takes over when it is gone. */
export const apiLock = 'openledger-api';

/** From the tab, in this order: one head, any number of pieces, one end. */
export type ApiReply = { head: Pick<ApiResponse, 'status' | 'type'> } | { piece: string } | { end: true };

/** From the service worker: the caller has gone. */
export const hangUp = 'hang up';
