import { inArchive } from '#workers/adapters/locate.ts';
import { fetchAdapter, offerOf } from '#workers/adapters/offer.ts';

/** The files of an adapter in a CAR archive, every block and fingerprint checked. Throws `ipfs/*`, `adapter/*`. */
export async function unpack(archive: File): Promise<File[]> {
	const offer = await offerOf(await inArchive(archive), {});
	return fetchAdapter(offer, { onProgress: () => undefined });
}
