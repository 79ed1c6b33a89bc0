import head from '../../contracts-abi/sandbox-head.json' with { type: 'json' };
import { fromFile, type Genesis, type SnapshotFile } from './genesis.ts';

/** The sandbox as this version of the app begins it: contracts deployed, people and models in place (contracts/tools/sandbox.cli.ts). */
export const appGenesis: Genesis = {
	hash: head.hash as Genesis['hash'],
	// Half a megabyte, read only when a sandbox begins.
	load: async () => {
		const { file } = await import('../../contracts-abi/sandbox.ts');
		return fromFile(file as SnapshotFile);
	}
};
