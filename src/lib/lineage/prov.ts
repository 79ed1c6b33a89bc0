import type { Memory, Ref } from './facts.ts';
import { lineageOf, refText, type Lineage, type Link, type Node, type Relation } from './lineage.ts';
import context from './prov-context.json' with { type: 'json' };

/** A resource of the document: `@id`, `@type` and properties that the context explains. */
type Resource = Record<string, unknown> & { '@id': string; '@type': string[] };

/** Lineage as JSON-LD in the terms of PROV-O (https://www.w3.org/TR/prov-o/). The context stands in it: reading it asks no network. */
export interface ProvDocument {
	'@context': typeof context;
	'@graph': Resource[];
}

/** Terms and things are fragments of one UUID (docs/protocol.md, Lineage): the same from every host of the app, and of nobody's domain. */
const iriOf = (what: string, id: string) => `${context.ol}${what}:${encodeURIComponent(id)}`;
const iri = ({ kind, id }: Ref) => iriOf(kind, id);
const time = (milliseconds: number) => new Date(milliseconds).toISOString();

/** What made a thing of a kind; of the other kinds nothing is known but where they come from. */
const MAKING: Partial<Record<Node['kind'], string>> = {
	adapter: 'training',
	reply: 'writing',
	receipt: 'measuring'
};

/**
 * Writes what some lineages tell, each thing and each step once. Contributors are agents, settlements activities, all others entities;
 * what a settlement paid to a reward is an entity of its own, so that no entity is generated twice. A step by which something would be
 * derived from itself (manifests name any parent they like) is left out.
 *
 * @param id a UUID of this file's own, so that several can be put together
 * @param words true writes names of people, sources and the first words of rows and replies; else they have none
 * @param complete false where some neighbours of these things were not asked for
 */
export function provOf(
	lineages: readonly Lineage[],
	{ id, words, complete, now }: { id: string; words: boolean; complete: boolean; now: number }
): ProvDocument {
	const graph = new Graph();
	const file = graph.at(`urn:uuid:${id}`, 'prov:Entity', 'ol:Export');
	file.generatedAtTime = time(now);
	file.complete = String(complete);
	for (const { node, makers, made } of lineages) {
		describe(graph, node, words);
		for (const { relation, links } of makers)
			for (const link of links) step(graph, relation, link.node, node, link, words);
		for (const { relation, links } of made)
			for (const link of links) step(graph, relation, node, link.node, link, words);
	}
	return { '@context': context, '@graph': graph.resources };
}

class Graph {
	readonly #resources = new Map<string, Resource>();
	/** Of things of one kind: what each was derived from. */
	readonly #derived = new Map<string, Set<string>>();

	get resources(): Resource[] {
		return [...this.#resources.values()];
	}

	at(id: string, ...types: string[]): Resource {
		const resource: Resource = this.#resources.get(id) ?? { '@id': id, '@type': [] };
		this.#resources.set(id, resource);
		for (const type of types) if (!resource['@type'].includes(type)) resource['@type'].push(type);
		return resource;
	}

	add(id: string, property: string, value: string): void {
		const resource = this.at(id);
		const values = (resource[property] ??= []) as string[];
		if (!values.includes(value)) values.push(value);
	}

	/** Says something of a derivation or an attribution, once for each that it is from or to. */
	qualify(id: string, property: 'qualifiedDerivation' | 'qualifiedAttribution', about: Resource): void {
		const values = (this.at(id)[property] ??= []) as Resource[];
		if (!values.some((known) => known['@id'] === about['@id'])) values.push(about);
	}

	/** @returns false where it would close a circle, and nothing was written */
	derive(what: string, from: string): boolean {
		const seen = new Set([from]);
		for (const each of seen) {
			if (each === what) return false;
			for (const next of this.#derived.get(each) ?? []) seen.add(next);
		}
		this.#derived.set(what, (this.#derived.get(what) ?? new Set()).add(from));
		this.add(what, 'wasDerivedFrom', from);
		return true;
	}
}

function describe(graph: Graph, node: Node, words: boolean): void {
	const id = iri(node);
	const say = (facts: Record<string, string | undefined>) => {
		const resource = graph.at(id);
		for (const [name, value] of Object.entries(facts)) if (value !== undefined) resource[name] = value;
	};
	const making = MAKING[node.kind];
	if (making) {
		graph.at(iriOf(making, node.id), 'prov:Activity', `ol:${making[0]?.toUpperCase()}${making.slice(1)}`);
		say({ wasGeneratedBy: iriOf(making, node.id) });
	}
	switch (node.kind) {
		case 'contributor':
			graph.at(id, 'prov:Agent', 'ol:Contributor');
			return say({ label: words ? node.facts.name : undefined });
		case 'row': {
			graph.at(id, 'prov:Entity', 'ol:Row');
			const { text, licence, source, time: given } = node.facts;
			return say({
				label: words ? text : undefined,
				licence: licence || undefined,
				source: (words && source) || undefined,
				generatedAtTime: given === undefined ? undefined : time(given)
			});
		}
		case 'datanet': {
			graph.at(id, 'prov:Entity', 'prov:Collection', 'ol:Datanet');
			const { name, rows } = node.facts;
			return say({ label: name, rows: rows === undefined ? undefined : `${rows}` });
		}
		case 'base':
			graph.at(id, 'prov:Entity', 'ol:BaseModel');
			return say({ label: node.facts.name });
		case 'adapter':
			graph.at(id, 'prov:Entity', 'ol:Adapter');
			return say({ label: node.facts.name, licence: node.facts.licence });
		case 'reply':
			graph.at(id, 'prov:Entity', 'ol:Reply');
			graph.at(iriOf('writing', node.id)).endedAtTime = time(node.facts.time);
			return say({ label: words ? node.facts.text : undefined });
		case 'receipt': {
			graph.at(id, 'prov:Entity', 'ol:Receipt');
			const { amount, tokens, time: written } = node.facts;
			return say({ wei: amount?.toString(), tokens: `${tokens}`, generatedAtTime: time(written) });
		}
		case 'settlement': {
			graph.at(id, 'prov:Activity', 'ol:Settlement');
			const { payer, amount, time: settled } = node.facts;
			const agent = iriOf('contributor', payer);
			graph.at(agent, 'prov:Agent');
			graph.add(id, 'wasAssociatedWith', agent);
			return say({ wei: amount.toString(), endedAtTime: time(settled) });
		}
		case 'reward': {
			graph.at(id, 'prov:Entity', 'prov:Collection', 'ol:Reward');
			const { claimable, pending, claimed } = node.facts.sums ?? {};
			return say({
				label: node.facts.name,
				claimable: claimable?.toString(),
				pending: pending?.toString(),
				claimed: claimed?.toString()
			});
		}
	}
}

function step(
	graph: Graph,
	relation: Relation,
	from: Node,
	to: Node,
	{ share, wei }: Link,
	words: boolean
): void {
	describe(graph, from, words);
	describe(graph, to, words);
	const [maker, made] = [iri(from), iri(to)];
	switch (relation) {
		case 'gave':
			return graph.add(made, 'wasAttributedTo', maker);
		case 'holds':
			return graph.add(made, 'hadMember', maker);
		case 'corrected':
			graph.derive(made, maker);
			return;
		case 'taught':
		case 'carries':
		case 'continued':
		case 'wrote':
		case 'measured':
			if (graph.derive(made, maker)) graph.add(iriOf(MAKING[to.kind] ?? '', to.id), 'used', maker);
			return;
		case 'moved':
			graph.derive(made, maker);
			graph.qualify(made, 'qualifiedDerivation', {
				'@id': `${made}:by:${encodeURIComponent(from.id)}`,
				'@type': ['prov:Derivation'],
				entity: maker,
				...(share !== undefined && { share: `${share}` })
			});
			return;
		case 'paid':
			return graph.add(made, 'used', maker);
		case 'earned': {
			const part = iriOf('payment', `${from.id}/${to.id}`);
			graph.at(part, 'prov:Entity', 'ol:Payment').wasGeneratedBy = maker;
			if (wei !== undefined) graph.at(part).wei = wei.toString();
			return graph.add(made, 'hadMember', part);
		}
		case 'belongs':
			graph.add(maker, 'wasAttributedTo', made);
			graph.qualify(maker, 'qualifiedAttribution', {
				'@id': `${maker}:to:${encodeURIComponent(to.id)}`,
				'@type': ['prov:Attribution'],
				agent: made,
				...(wei !== undefined && { wei: wei.toString() })
			});
	}
}

/** The lineages of these things and of all that can be reached from them. Gives up what comes after so many things. */
export async function walkAll(
	starts: readonly Ref[],
	memory: Memory,
	{ most, limit, step: onStep }: { most: number; limit: number; step: (done: number) => Promise<void> | void }
): Promise<{ lineages: Lineage[]; complete: boolean }> {
	const seen = new Map(starts.map((ref) => [refText(ref), ref]));
	const lineages: Lineage[] = [];
	let complete = true;
	for (const ref of seen.values()) {
		if (lineages.length === limit) return { lineages, complete: false };
		await onStep(lineages.length);
		const lineage = await lineageOf(ref, memory, most);
		if (!lineage) continue;
		lineages.push(lineage);
		for (const { links, more } of [...lineage.makers, ...lineage.made]) {
			complete &&= !more;
			for (const { node } of links) if (!seen.has(refText(node))) seen.set(refText(node), node);
		}
	}
	return { lineages, complete };
}
