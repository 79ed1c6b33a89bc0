/**
 * Headers that a host may send. None is needed for the app to work: they switch on wasm threads.
 * Document-Isolation-Policy isolates the page without COOP, so that wallet popups keep their opener
 * (docs/decisions/isolation.md).
 */
export const isolationHeaders = { 'Document-Isolation-Policy': 'isolate-and-credentialless' };
