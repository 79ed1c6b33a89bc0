import type { LoraConfig } from './lora-config.ts';
import { pathPattern } from './path-pattern.ts';
import type { Budget } from './position-sets.ts';

/** What a configuration says of one module. */
export interface ModuleSettings {
	targeted: boolean;
	rank: number;
	alpha: number;
	/** What the product B·A is multiplied by. */
	scale: number;
}

/** About a second of matching: far more than any honest configuration needs. */
const MATCH_STEPS = 20_000_000;

/**
 * Settings of each module path (`model.layers.3.self_attn.q_proj`), by PEFT's rules: `check_target_module_exists`
 * (peft/tuners/tuners_utils.py) and `get_pattern_key` (peft/utils/other.py).
 *
 * `all-linear` targets every path asked about, since only linear modules are ever asked about.
 * Throws `adapter/unsupported` for patterns that cannot be read or take too long.
 */
export function moduleSettings(config: LoraConfig, paths: Iterable<string>): Map<string, ModuleSettings> {
	const budget = { steps: MATCH_STEPS };
	const isTargeted = targetTest(config, budget);
	const rankOf = firstMatch(config.rankPattern, budget);
	const alphaOf = firstMatch(config.alphaPattern, budget);
	const settings = new Map<string, ModuleSettings>();
	for (const path of paths) {
		const rank = rankOf(path) ?? config.rank;
		const alpha = alphaOf(path) ?? config.alpha;
		const scale = alpha / (config.rankStabilised ? Math.sqrt(rank) : rank);
		settings.set(path, { targeted: isTargeted(path), rank, alpha, scale });
	}
	return settings;
}

function targetTest(config: LoraConfig, budget: Budget): (path: string) => boolean {
	const { targetModules, excludeModules } = config;
	const layers = config.layers && new Set(config.layers);
	const isExcluded = excludeModules.length ? namesTest(excludeModules, budget) : () => false;
	if (typeof targetModules === 'string') {
		if (targetModules.toLowerCase() === 'all-linear') return (path) => !isExcluded(path);
		const matches = namesTest(targetModules, budget);
		return (path) => matches(path) && !isExcluded(path);
	}
	const isNamed = namesTest(targetModules, budget);
	const layerOf = layerNumber(config.layersPattern, budget);
	const isInLayers = (path: string) => !layers || targetModules.includes(path) || layers.has(layerOf(path));
	return (path) => isNamed(path) && isInLayers(path) && !isExcluded(path);
}

function namesTest(names: string[] | string, budget: Budget): (path: string) => boolean {
	if (typeof names === 'string') {
		const pattern = pathPattern(names, { whole: true });
		return (path) => pattern(path, budget);
	}
	// A name may hold dots, so each end of the path that begins a segment is looked up.
	const known = new Set(names);
	return (path) => {
		for (let start = 0; ; start = path.indexOf('.', start) + 1) {
			if (known.has(path.slice(start))) return true;
			if (!path.includes('.', start)) return false;
		}
	};
}

/** Number of the layer a path lies in: the first segment that is a number, has a name before it that fits, and more around both. */
function layerNumber(layersPattern: string[], budget: Budget): (path: string) => number {
	const names = layersPattern.length ? layersPattern : ['[^.]*'];
	const patterns = names.map((name) => pathPattern(`.*?\\.${name}`, { whole: true }));
	return (path) => {
		const segments = path.split('.');
		for (const pattern of patterns) {
			for (let i = 2; i < segments.length - 1; i++) {
				const segment = segments[i] as string;
				if (/^\d+$/.test(segment) && pattern(segments.slice(0, i).join('.'), budget)) return Number(segment);
			}
		}
		return NaN;
	};
}

function firstMatch(values: Record<string, number>, budget: Budget): (path: string) => number | undefined {
	const tests = Object.entries(values).map(([key, value]) => {
		const plain = /^[\w.]+$/.test(key);
		const pattern = plain ? undefined : pathPattern(`(.*\\.)?(${key})$`, { whole: false });
		return { value, test: (path: string) => (pattern ? pattern(path, budget) : endsWithPlain(path, key)) };
	});
	return (path) => tests.find(({ test }) => test(path))?.value;
}

/** `(.*\.)?(key)$` where the key has no sign of a regular expression but the dot, which stands for any character. */
function endsWithPlain(path: string, key: string): boolean {
	const start = path.length - key.length;
	if (start < 0 || (start > 0 && path[start - 1] !== '.')) return false;
	for (let i = 0; i < key.length; i++) if (key[i] !== '.' && key[i] !== path[start + i]) return false;
	return true;
}
