import AttributionWorker from '#workers/attribution.worker.ts?worker';
import type { AttributionApi } from '#workers/attribution/api.ts';
import { OpenLedgerError } from '#workers/errors.ts';
import { preferences } from '../preferences.svelte.ts';
import { connect, type Connection } from '../worker-connection.ts';

/** Starts an attribution worker. */
export function connectAttribution(): Connection<AttributionApi> {
	const connection = connect<AttributionApi>('attribution', (options) => new AttributionWorker(options));
	const hubUrl = preferences.values.hubUrl.trim().replace(/\/+$/, '');
	void connection.api.configure({ hubUrl: hubUrl || undefined });
	return connection;
}

/** What a call says that its worker did not outlive. */
export function stopped(reason: string): OpenLedgerError {
	return new OpenLedgerError('engine/failed', 'The part of the app that measures stopped unexpectedly.', {
		remedy: 'Try again; a smaller model needs less memory.',
		details: { reason }
	});
}
