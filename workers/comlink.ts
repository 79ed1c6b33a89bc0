import * as Comlink from 'comlink';
import { OpenLedgerError, type WireError } from './errors.ts';

/**
 * Import this instead of `comlink`, on both sides: a thrown OpenLedgerError arrives as one. Comlink alone carries only
 * message, name and stack. Its own `throw` handler stays in charge of everything else.
 */
const builtIn = Comlink.transferHandlers.get('throw');
if (!builtIn) throw new Error('comlink has no `throw` transfer handler');

interface Thrown {
	value: unknown;
}
interface SerializedThrow {
	openLedger?: WireError;
	rest?: unknown;
}

Comlink.transferHandlers.set('throw', {
	canHandle: (value): value is Thrown => builtIn.canHandle(value),
	serialize(thrown: Thrown): [SerializedThrow, Transferable[]] {
		if (thrown.value instanceof OpenLedgerError) return [{ openLedger: thrown.value.toWire() }, []];
		const [rest, transferables] = builtIn.serialize(thrown);
		return [{ rest }, transferables];
	},
	deserialize(serialized: SerializedThrow): Thrown {
		if (serialized.openLedger) throw OpenLedgerError.fromWire(serialized.openLedger);
		return builtIn.deserialize(serialized.rest) as Thrown;
	}
});

export { expose, proxy, wrap, type Remote } from 'comlink';
