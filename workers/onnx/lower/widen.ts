import { f16ToF32 } from '#workers/formats/half.ts';
import type { Attribute } from '../attribute.ts';
import type { Graph } from '../graph.ts';
import { dataTypeNumber } from '../types.ts';

const [HALF, FLOAT] = [dataTypeNumber('float16'), dataTypeNumber('float32')];

/** Makes a graph that computes in float16 compute in float32, on the weights as they are stored: gradients need the range. */
export function widen(graph: Graph): void {
	for (const { name, dataType } of [...graph.initializers.values()]) {
		if (dataType !== 'float16') continue;
		const wide = `${name}/float32`;
		graph.replaceUses(name, wide);
		graph.node('Cast', [name], [wide], { to: FLOAT });
	}
	for (const info of [...graph.inputs, ...graph.outputs])
		if (info.dataType === 'float16') info.dataType = 'float32';
	for (const node of [...graph.nodes]) {
		const attributes = new Map(node.attributes);
		for (const [key, attribute] of node.attributes) attributes.set(key, wider(key, attribute));
		graph.update(node, { attributes });
	}
	graph.valueInfos.clear();
}

function wider(key: string, attribute: Attribute): Attribute {
	if (key === 'to' && attribute.type === 'int' && attribute.value === BigInt(HALF))
		return { type: 'int', value: BigInt(FLOAT) };
	if (attribute.type !== 'tensor' || attribute.value.dataType !== 'float16') return attribute;
	const data = attribute.value.data.map((segment) => {
		if (!(segment instanceof Uint8Array)) return segment;
		return new Uint8Array(f16ToF32(new Uint16Array(segment.slice().buffer)).buffer);
	});
	return { type: 'tensor', value: { ...attribute.value, dataType: 'float32', data } };
}
