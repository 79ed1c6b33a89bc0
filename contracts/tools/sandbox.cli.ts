/**
 * Writes contracts-abi/sandbox.json, sandbox-head.json and the sandbox's addresses. Usage: node contracts/tools/sandbox.cli.ts
 * To be run after the contracts, their launch rules or contracts/tools/seed.ts changed.
 */
import 'fake-indexeddb/auto';
import { writeFileSync } from 'node:fs';
import { toFile } from '../../workers/chain/genesis.ts';
import { SANDBOX_CHAIN_ID } from '../../workers/chain/network.ts';
import { buildSnapshot } from './sandbox.ts';

const { snapshot, addresses } = await buildSnapshot();
const head = snapshot.blocks.at(-1);
if (!head) throw new Error('no blocks');
const write = (path: string, value: unknown, indent?: string) =>
	writeFileSync(new URL(`../../contracts-abi/${path}`, import.meta.url), `${JSON.stringify(value, null, indent)}\n`);
write('sandbox.json', toFile(snapshot));
write('sandbox-head.json', { hash: head.hash });
write(`addresses/${SANDBOX_CHAIN_ID}.json`, addresses, '\t');
console.log(`sandbox: ${snapshot.blocks.length} blocks, ${snapshot.state.slots.length} slots, head ${head.hash}`);
