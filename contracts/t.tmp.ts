import { startLocalChain, populate, someone } from './tools/local.ts';
import { settlementAbi } from '../contracts-abi/abi/Settlement.ts';
import { encodeLeaves } from './client/leaves.ts';
import { hashBatch } from './client/batch.ts';
import { RewardTree } from './client/tree.ts';
import { launchRules } from './deploy/params.ts';
import { splitBatch } from './client/split.ts';
import { parseEther, zeroHash, keccak256 } from 'viem';
const c = await startLocalChain(['--steps-tracing']);
await populate(c, 2000);
const p = someone('payer'); await c.fund(p, parseEther('10000')); await c.fund(someone('poster'), parseEther('1000'));
const w = Array.from({length:1000},(_,i)=>({id:2*i+1,weight:300+i*7}));
const leaves = encodeLeaves(w);
const amount = parseEther('1'); const sources=[{datanet:1,share:6000},{datanet:2,share:4000}];
async function trace(r: any) { if (r.gasUsed > 200000n) { console.log(r.gasUsed); return; }
  const t: any = await c.publicClient.request({ method: 'debug_traceTransaction' as never, params: [r.transactionHash, {}] as never });
  const ops: Record<string, [number, number]> = {};
  for (let i=0;i<t.structLogs.length;i++) { const s=t.structLogs[i]; const o = (ops[s.op] ??= [0,0]); o[0]++; let g=s.gasCost; if (s.op==='STATICCALL'||s.op==='CALL') { g = 0; } o[1] += g; }
  console.log(r.gasUsed, t.structLogs.length, Object.entries(ops).sort((a,b)=>b[1][1]-a[1][1]).slice(0,18).map(([k,v])=>`${k}:${v[0]}/${v[1]}`).join(' '));
  { let last=0; console.log('gaps', t.structLogs.flatMap((s: any,i: number)=>{ if(s.op==='KECCAK256'){const g=i-last; last=i; return [g];} return []; }).join(' '), 'tail', t.structLogs.length-last, t.structLogs.slice(last-45,last+2).map((s: any)=>s.op).join(' ')); }
  const d: Record<string, number> = {}; for (const s of t.structLogs) if (s.op!=='STATICCALL'&&s.op!=='CALL') d[s.depth]=(d[s.depth]??0)+s.gasCost; console.log(d);
}
const tree = new RewardTree(); let parent = 0n; let n = 0;
async function batch() {
  const r = await c.write(p, c.addresses.settlement, settlementAbi, 'settle', [2,0,amount,n++,zeroHash,leaves]);
  const { timestamp } = await c.publicClient.getBlock({ blockNumber: r.blockNumber });
  return { payer: p, time: Number(timestamp), rules: 1, model: 2, host: 0, amount, transcripts: zeroHash, leaves: keccak256(leaves) };
}
const rew = () => splitBatch({ shares: launchRules, sources, model: 2, base: 1, host: 0, poster: 0, amount, weights: w });
const post = async (b: any, root: any) => { await c.write(someone('poster'), c.addresses.settlement, settlementAbi, 'mark'); return c.write(someone('poster'), c.addresses.settlement, settlementAbi, 'post', [parent, 0, [hashBatch(b)], [root]]); };
for (let i=0;i<2;i++) { const b = await batch(); tree.add(rew()); await post(b, tree.root()); await c.pass(launchRules.window); await c.write(p, c.addresses.settlement, settlementAbi, 'finalise', [parent+1n]); parent++;
 console.log('claim', tree.proof(501).length); await trace(await c.write(p, c.addresses.settlement, settlementAbi, 'claim', [501, tree.get(501), tree.proof(501)])); }
const b = await batch(); const before = tree.root(); const cb=tree.get(501), pb = tree.proof(501); tree.add(rew()); tree.add([[501,1n]]); const later = tree.root(); await post(b, later);
const step = { place: { checkpoint: parent+1n, index: 0n, before, later, path: [] }, batch: b, leaves };
await trace(await c.write(p, c.addresses.settlement, settlementAbi, 'refute', [step, 501, cb, pb, tree.get(501), tree.proof(501), zeroHash]));
process.exit();
