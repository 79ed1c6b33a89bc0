import { memorySource, type ByteSource } from '#workers/bytes.ts';
import { isHash, toHex, fromHex, hashJson, type Hex } from '#workers/datanets/hash.ts';
import { OpenLedgerError } from '#workers/errors.ts';
import {
	readSafetensors,
	writeSafetensors,
	type SafetensorsDtype,
	type SafetensorsFile
} from '#workers/formats/safetensors.ts';
import { bf16ToF32, f32ToBf16 } from '#workers/formats/half.ts';
import { isJsonObject, parseStrictJson } from '#workers/formats/strict-json.ts';
import { INDEX_FORMAT, type AttributionIndex, type IndexDescription } from './attribution-index.ts';
import { hashIds } from './build-index.ts';
import { ATTENTION, DIRECTIONS, FIRST_BLOCK, STRENGTH } from '../gradients.ts';
import { IndexTree } from './merkle.ts';

const MAX_SIZE = 2 ** 31;

/** Formats that measured influence in other ways. */
const EARLIER = ['openledger-attribution/1', 'openledger-attribution/2'];

/** Hash of all that was chosen when the index was made: stands in receipts beside its root. */
export function hashDescription(description: IndexDescription): Hex {
	return hashJson(description);
}

/** Bytes of an index: rows, contributors, contributions' ids, the basis; its description and root as metadata. */
export function writeIndex({
	description,
	projection,
	rows,
	contributors,
	ids,
	root
}: AttributionIndex): Uint8Array<ArrayBuffer> {
	const { basis, basisScales, bits, bucketScales, dims, width } = projection;
	const idBytes = new Uint8Array(ids.length * 32);
	ids.forEach((id, i) => idBytes.set(fromHex(id), i * 32));
	return writeSafetensors(
		new Map([
			['rows', { dtype: 'I8', shape: [ids.length, dims], data: rows }],
			['contributors', { dtype: 'U32', shape: [ids.length], data: contributors }],
			['contributions', { dtype: 'U8', shape: [ids.length, 32], data: idBytes }],
			['basis', { dtype: 'U8', shape: [dims, (width * bits) / 8], data: basis }],
			['basis_scales', { dtype: 'F32', shape: [dims], data: basisScales }],
			['bucket_scales', { dtype: 'BF16', shape: [width], data: f32ToBf16(bucketScales) }]
		]),
		{ description: JSON.stringify(description), root }
	);
}

/**
 * Reads an index from anywhere and checks all of it: sizes, finite scales, the contributions' hash and the Merkle root.
 *
 * Throws `index/malformed` where it is cut or is none, `index/wrong-root` where its rows are not those of its root.
 */
export async function readIndex(source: ByteSource | Uint8Array): Promise<AttributionIndex> {
	const index = parse(source instanceof Uint8Array ? memorySource(source) : source);
	const { root } = await IndexTree.build(index.rows, index.contributors);
	if (root !== index.root)
		throw new OpenLedgerError(
			'index/wrong-root',
			'The rows of this attribution index are not those that it names.',
			{
				remedy: 'Get the index again from where the adapter comes from, or build it from the Datanet.',
				details: { expected: index.root, found: root }
			}
		);
	return index;
}

/**
 * Whether an index belongs to an adapter: it was made over the same files.
 *
 * Throws `index/wrong-adapter`.
 */
export function checkIndexOf(
	{ description }: Pick<AttributionIndex, 'description'>,
	{ base, adapter }: Pick<IndexDescription, 'base' | 'adapter'>
): void {
	const same =
		description.adapter.weights === adapter.weights && description.adapter.config === adapter.config;
	if (same && description.base === base) return;
	throw new OpenLedgerError(
		'index/wrong-adapter',
		`This attribution index was made for another ${same ? 'base model' : 'adapter'}.`,
		{
			remedy: 'Build the index of this adapter from its Datanet, or get the one that belongs to it.',
			details: { madeFor: description.adapter.weights, adapter: adapter.weights }
		}
	);
}

function parse(source: ByteSource): AttributionIndex {
	try {
		const file = readSafetensors(source);
		const description = parseDescription(file.metadata.description ?? '');
		const { dims, width, seed, basisBits: bits } = description;
		const { root } = file.metadata;
		if (!isHash(root)) throw new Error('it names no root');
		const count = file.tensors.get('contributors')?.shape[0] ?? 0;
		const idBytes = new Uint8Array(tensor(file, 'contributions', 'U8', [count, 32]));
		const ids = Array.from({ length: count }, (_, i) => toHex(idBytes.subarray(i * 32, (i + 1) * 32)));
		const basisScales = new Float32Array(tensor(file, 'basis_scales', 'F32', [dims]));
		const bucketScales = bf16ToF32(new Uint16Array(tensor(file, 'bucket_scales', 'BF16', [width])));
		if (![basisScales, bucketScales].every((scales) => scales.every(Number.isFinite)))
			throw new Error('its basis is not finite');
		if (hashIds(ids) !== description.contributions)
			throw new Error('its contributions are not those it describes');
		return {
			description,
			projection: {
				seed,
				width,
				dims,
				bits,
				bucketScales,
				basis: new Uint8Array(tensor(file, 'basis', 'U8', [dims, (width * bits) / 8])),
				basisScales
			},
			rows: new Int8Array(tensor(file, 'rows', 'I8', [count, dims])),
			contributors: new Uint32Array(tensor(file, 'contributors', 'U32', [count])),
			ids,
			root
		};
	} catch (cause) {
		const reason = cause instanceof Error ? cause.message.replace(/\.$/, '') : String(cause);
		throw new OpenLedgerError('index/malformed', `This attribution index cannot be used: ${reason}.`, {
			remedy: 'Get the index again from where the adapter comes from, or build it from the Datanet.',
			cause
		});
	}
}

function parseDescription(json: string): IndexDescription {
	const value = parseStrictJson(json, { maxDepth: 3 });
	if (isJsonObject(value) && EARLIER.includes(value.format as string))
		throw new Error('it is of an earlier format, which measured influence in another way');
	if (!isJsonObject(value) || value.format !== INDEX_FORMAT)
		throw new Error(`its format is not ${INDEX_FORMAT}`);
	const counts = ['features', 'rank', 'width', 'dims', 'landmarks', 'credited', 'seed'];
	for (const field of counts)
		if (!Number.isSafeInteger(value[field]) || (value[field] as number) < 0)
			throw new Error(`its ${field} is no count`);
	const { dims, width, basisBits, features, rank, adapter, damping, support } =
		value as unknown as IndexDescription;
	if (dims === 0 || dims % 32 !== 0) throw new Error('its rows are no multiple of 32 bytes');
	if (![1, 4].includes(basisBits) || width === 0 || width % 8 !== 0)
		throw new Error('its basis is of no known kind');
	if (dims * width > MAX_SIZE || features * rank > MAX_SIZE) throw new Error('it is too large');
	const choices = {
		strength: STRENGTH,
		directions: DIRECTIONS,
		attention: ATTENTION,
		firstBlock: FIRST_BLOCK
	};
	for (const [name, choice] of Object.entries(choices))
		if (value[name] !== choice) throw new Error(`its ${name} is not ${choice}`);
	// Whatever it was, replies are asked in the way that it tells.
	for (const name of ['lengths', 'halfway', 'probes', 'promptOfRows', 'promptOfReplies'])
		if (name in value && !(typeof value[name] === 'number' && value[name] >= 0 && value[name] < 100))
			throw new Error(`its ${name} is no number that an index is made with`);
	if (support !== undefined && !(support > 0 && support < Infinity))
		throw new Error('its support is no positive number');
	if (!(damping > 0) || !isJsonObject(adapter) || !isHash(value.contributions))
		throw new Error('its description is not whole');
	return value as unknown as IndexDescription;
}

/** A copy of one tensor's bytes, aligned for any element type. */
function tensor(file: SafetensorsFile, name: string, dtype: SafetensorsDtype, shape: number[]): ArrayBuffer {
	const info = file.tensors.get(name);
	if (info?.dtype !== dtype || info.shape.join() !== shape.join())
		throw new Error(`its tensor "${name}" is not ${dtype} [${shape.join(', ')}]`);
	return new Uint8Array(file.source.read(info.offset, info.length)).buffer;
}
