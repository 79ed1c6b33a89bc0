import { readFileSync, writeFileSync } from 'node:fs';
import { keccak_256 } from '@noble/hashes/sha3.js';
import { signBatch } from './batch.ts';
import type { BundleRecord } from './bundle/records.ts';
import { bundleStream } from './bundle/write.ts';
import { makeContribution, type Content, type Contribution } from './contribution.ts';
import { toHex } from './hash.ts';
import { localSigner } from './identity.ts';
import { makeVersion } from './version.ts';

/**
 * `node workers/datanets/sample.cli.ts GLOSSARY.jsonl OUT.datanet`: makes the sample Datanet from the terms on bones and
 * joints of OpenStax, Anatomy and Physiology 2e (CC BY 4.0). Three made-up contributors, each with rows of their own,
 * and a few planted mistakes, so that the checks have something to find.
 */
const [, , glossary, out] = process.argv;
if (!glossary || !out) {
	console.error('usage: node workers/datanets/sample.cli.ts GLOSSARY.jsonl OUT.datanet');
	process.exit(2);
}

interface Term {
	prompt: string;
	response: string;
	section: string;
}

/** Keys that everyone can know: these people are made up, and their signatures prove only how signing works. */
const people = ['sample contributor one', 'sample contributor two', 'sample contributor three'].map((name) =>
	localSigner(toHex(keccak_256(new TextEncoder().encode(name))))
);
const SOURCE = 'OpenStax, Anatomy and Physiology 2e (openstax.org), CC BY 4.0';
const SECTIONS: [section: RegExp, person: number, tag: string, day: string][] = [
	[
		/^(Bone (Classification|Structure|Formation)|Fractures|The Functions of the Skeletal)/,
		0,
		'tissue',
		'2026-01-12'
	],
	[/^Bones of the Upper Limb/, 1, 'upper limb', '2026-02-03'],
	[/^Bones of the Lower Limb/, 1, 'lower limb', '2026-02-20'],
	[/^(Synovial Joints|Fibrous Joints|Cartilaginous|Classification of Joints)/, 2, 'joints', '2026-03-09']
];

const terms = readFileSync(glossary, 'utf8')
	.trim()
	.split('\n')
	.map((line) => JSON.parse(line) as Term);

function row(content: Content, person: number, change: Partial<Contribution>): Contribution {
	return makeContribution({
		contributor: people[person % people.length]?.address ?? '0x',
		licence: 'CC-BY-4.0',
		source: SOURCE,
		language: 'en',
		tags: [],
		created: '2026-01-12T09:00:00Z',
		parent: null,
		parentShare: 0,
		...change,
		content
	});
}

const rows: Contribution[] = [];
for (const [section, person, tag, day] of SECTIONS)
	for (const term of terms.filter((candidate) => section.test(candidate.section)))
		rows.push(
			row({ kind: 'pair', prompt: term.prompt, response: term.response }, person, {
				tags: [tag],
				created: `${day}T10:00:00Z`
			})
		);

const find = (prompt: string) => {
	const found = rows.find(
		(candidate) => candidate.content.kind === 'pair' && candidate.content.prompt === prompt
	);
	if (found?.content.kind !== 'pair') throw new Error(`the glossary has no “${prompt}”`);
	return { row: found, ...found.content };
};
const femur = find('What is femur?');
const late = { created: '2026-03-20T16:00:00Z', tags: ['to check'] };
rows.push(
	row({ kind: 'pair', prompt: 'What is femur?', response: femur.response }, 2, {
		...late,
		source: 'lecture notes'
	}),
	row(
		{
			kind: 'pair',
			prompt: 'How many bones does an adult human have?',
			response: 'An adult human usually has 206 bones.'
		},
		0,
		late
	),
	row(
		{
			kind: 'pair',
			prompt: 'How many bones does an adult human have?',
			response: 'An adult human usually has 208 bones.'
		},
		2,
		late
	),
	row(
		{
			kind: 'pair',
			prompt: 'Who checked the terms on joints?',
			response: 'Jo Sample did; questions to jo.sample@example.org or +1 212 555 0142.'
		},
		2,
		late
	),
	row({ kind: 'pair', prompt: 'What is a sesamoid bone for?', response: 'N/A' }, 2, late),
	row(
		{
			kind: 'pair',
			prompt: 'Was ist das Schlüsselbein?',
			response: 'Ein s-förmiger Knochen, der das Brustbein mit dem Schulterblatt verbindet.'
		},
		1,
		{ ...late, language: '' }
	),
	row(
		{
			kind: 'pair',
			prompt: 'What does the patella protect?',
			response: 'It protects the knee joint and gives the thigh muscle a better lever.'
		},
		1,
		{ ...late, licence: '' }
	),
	row(
		{
			kind: 'passage',
			title: 'Reading a skeleton',
			text: 'The axial skeleton carries the head and the trunk; the appendicular skeleton carries the limbs. An adult has 80 bones in the first and 126 in the second.'
		},
		0,
		late
	),
	row(
		{
			kind: 'conversation',
			messages: [
				{ role: 'user', content: 'Which joint lets the thumb touch the other fingers?' },
				{
					role: 'assistant',
					content: 'The saddle joint at its base, between the trapezium and the first metacarpal.'
				},
				{ role: 'user', content: 'Do the other fingers have one?' },
				{ role: 'assistant', content: 'No. Their carpometacarpal joints are plane joints that hardly move.' }
			]
		},
		0,
		late
	)
);

const created = new Date('2026-03-21T09:00:00Z');
async function* records(): AsyncGenerator<BundleRecord> {
	const sorted = [...new Map(rows.map((one) => [one.id, one])).values()].sort((a, b) =>
		a.id < b.id ? -1 : 1
	);
	yield {
		type: 'manifest',
		manifest: {
			purpose: 'datanet',
			datanet: toHex(keccak_256(new TextEncoder().encode('openledger sample: bones and joints'))).slice(
				2,
				34
			),
			info: {
				name: 'Bones and joints',
				summary: 'A sample: what the bones and joints of the human body are called, and why.',
				description:
					'This is a **sample**, to try everything on. Its rows are terms on bones and joints from *Anatomy and Physiology 2e* by OpenStax (CC BY 4.0), as question and answer.\n\nIts three contributors are made up. A few mistakes were planted: run the **checks** to find them.',
				tags: ['anatomy', 'sample'],
				licences: [],
				updated: created.getTime()
			},
			created: created.toISOString(),
			from: 'OpenLedger',
			rows: sorted.length
		}
	};
	for (const person of people)
		yield {
			type: 'batch',
			batch: await signBatch(
				sorted.filter((one) => one.contributor === person.address),
				person,
				created
			)
		};
	for (const one of sorted) yield { type: 'row', row: one, length: 1 };
	const early = sorted.filter((one) => one.created < '2026-03-01');
	yield { type: 'version', version: makeVersion(early, 'Bones', new Date('2026-03-01T09:00:00Z')) };
	yield { type: 'version', version: makeVersion(sorted, 'Bones and joints', created) };
	yield { type: 'end', rows: sorted.length };
}

writeFileSync(out, await new Response(bundleStream(records())).bytes());
console.log(`${rows.length} rows`);
