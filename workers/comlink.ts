import * as Comlink from 'comlink';
import { OpenLedgerError, type WireError } from './errors.ts';

/**
 * Import this instead of `comlink`, on both sides: a thrown OpenLedgerError arrives as one, and what a call tells a callback
 * arrives before its result.
 *
 * Comlink alone carries only message, name and stack of an error. Its own `throw` handler stays in charge of everything else.
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

export { proxy, wrap, type Remote } from 'comlink';

/**
 * As Comlink's. A call answers only when the callbacks it was given have taken all that they were told: they have a port each, and
 * ports do not wait for one another, so a reply's last words could arrive after its end.
 */
export function expose(service: object, endpoint?: Comlink.Endpoint): void {
	const ordered = new Proxy(service, {
		get(target, name) {
			const value: unknown = Reflect.get(target, name, target);
			return typeof value === 'function' ? inOrder(value.bind(target) as Method) : value;
		}
	});
	Comlink.expose(ordered, endpoint);
}

type Method = (...given: unknown[]) => unknown;

function inOrder(method: Method): Method {
	return async (...given) => {
		const told = new Set<Promise<unknown>>();
		const listen = (callback: Method) =>
			new Proxy(callback, {
				apply(target, self, event: unknown[]) {
					const taken = Promise.resolve(Reflect.apply(target, self, event));
					told.add(taken);
					const forget = () => told.delete(taken);
					taken.then(forget, forget);
					return taken;
				}
			});
		try {
			return await method(
				...given.map((value) => (typeof value === 'function' ? listen(value as Method) : value))
			);
		} finally {
			await Promise.allSettled(told);
		}
	};
}
