/** Threads of one workgroup. */
export const THREADS = 256;
/** Logits that one workgroup of the first pass looks at. */
export const SLICE = 4096;

/**
 * Finds the most likely tokens of each row of logits in two passes, and the sums that normalise them.
 *
 * `scan`, workgroup (s, row): the best `count` of slice s. `merge`, workgroup (0, row): the best of those.
 * A list is picked one by one: every thread holds its best remaining value, a tree finds the best of all, and its owner
 * looks for its next. That is little work for the 64 a sampler wants, and for the one that greedy wants almost none.
 *
 * Result of row r, in 32-bit words from r · (3 · capacity + 2): ids, penalised logits and raw logits, `capacity` each; then
 * ln Σ exp(penalised / temperature) and ln Σ exp(raw). Sums are kept as (largest, sum relative to it), in float32.
 */
export const candidatesShader = (halfPrecision: boolean): string => /* wgsl */ `
struct Request {
	vocab: u32,
	/** Logit where the row starts. */
	start: u32,
	count: u32,
	slices: u32,
	temperature: f32,
	penalty: f32,
	/** Word of \`seen\` where the row's bits start. */
	seen: u32,
	pad: u32,
}

/** A slice's best, and its sums: (largest, sum) penalised, (largest, sum) raw. */
struct Found { id: u32, value: f32, raw: f32 }

@group(0) @binding(0) var<storage, read> logits: array<u32>;
@group(0) @binding(1) var<storage, read> requests: array<Request>;
@group(0) @binding(2) var<storage, read> seen: array<u32>;
@group(0) @binding(3) var<storage, read_write> partial: array<Found>;
@group(0) @binding(4) var<storage, read_write> sums: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> result: array<u32>;

override capacity: u32;
const THREADS = ${THREADS}u;
const SLICE = ${SLICE}u;
const LOWEST = -3.4028234e38;

var<workgroup> best_value: array<f32, THREADS>;
var<workgroup> best_id: array<u32, THREADS>;
var<workgroup> best_owner: array<u32, THREADS>;
var<workgroup> sum_parts: array<vec4f, THREADS>;

fn raw_logit(index: u32) -> f32 {
	${
		halfPrecision
			? 'let pair = unpack2x16float(logits[index / 2u]); return select(pair.x, pair.y, (index & 1u) == 1u);'
			: 'return bitcast<f32>(logits[index]);'
	}
}

fn penalised(request: Request, id: u32, raw: f32) -> f32 {
	let bit = (seen[request.seen + id / 32u] >> (id % 32u)) & 1u;
	if (request.penalty == 1.0 || bit == 0u) { return raw; }
	return select(raw * request.penalty, raw / request.penalty, raw > 0.0);
}

fn before(a_value: f32, a_id: u32, b_value: f32, b_id: u32) -> bool {
	return a_value > b_value || (a_value == b_value && a_id < b_id);
}

/** Adds one logit to a sum kept as (largest, sum of exp(x - largest)). */
fn add(sum: vec2f, x: f32) -> vec2f {
	if (x <= sum.x) { return vec2f(sum.x, sum.y + exp(x - sum.x)); }
	return vec2f(x, sum.y * exp(sum.x - x) + 1.0);
}

fn join(a: vec2f, b: vec2f) -> vec2f {
	let largest = max(a.x, b.x);
	return vec2f(largest, a.y * exp(a.x - largest) + b.y * exp(b.x - largest));
}

fn reduce_sums(thread: u32, mine: vec4f) -> vec4f {
	sum_parts[thread] = mine;
	workgroupBarrier();
	for (var stride = THREADS / 2u; stride > 0u; stride /= 2u) {
		if (thread < stride) {
			let a = sum_parts[thread];
			let b = sum_parts[thread + stride];
			sum_parts[thread] = vec4f(join(a.xy, b.xy), join(a.zw, b.zw));
		}
		workgroupBarrier();
	}
	return sum_parts[0];
}

/** Puts the best of all threads' offers at index 0 of the shared arrays. */
fn reduce_best(thread: u32, value: f32, id: u32) {
	best_value[thread] = value;
	best_id[thread] = id;
	best_owner[thread] = thread;
	workgroupBarrier();
	for (var stride = THREADS / 2u; stride > 0u; stride /= 2u) {
		if (thread < stride && before(best_value[thread + stride], best_id[thread + stride], best_value[thread], best_id[thread])) {
			best_value[thread] = best_value[thread + stride];
			best_id[thread] = best_id[thread + stride];
			best_owner[thread] = best_owner[thread + stride];
		}
		workgroupBarrier();
	}
}

@compute @workgroup_size(THREADS)
fn scan(@builtin(local_invocation_index) thread: u32, @builtin(workgroup_id) group: vec3u) {
	let row = group.y;
	let request = requests[row];
	let first_id = group.x * SLICE;
	let end = min(first_id + SLICE, request.vocab);

	// This thread's logits are first_id + thread, + THREADS, …
	var sum = vec4f(LOWEST, 0.0, LOWEST, 0.0);
	var mine = LOWEST;
	var mine_id = 0xffffffffu;
	for (var id = first_id + thread; id < end; id += THREADS) {
		let raw = raw_logit(request.start + id);
		let value = penalised(request, id, raw);
		sum = vec4f(add(sum.xy, value / request.temperature), add(sum.zw, raw));
		if (before(value, id, mine, mine_id)) { mine = value; mine_id = id; }
	}
	let total = reduce_sums(thread, sum);
	let slot = row * request.slices + group.x;
	if (thread == 0u) { sums[slot] = total; }

	for (var k = 0u; k < request.count; k++) {
		reduce_best(thread, mine, mine_id);
		let value = best_value[0];
		let id = best_id[0];
		let owner = best_owner[0];
		workgroupBarrier();
		if (thread == 0u) {
			var raw = LOWEST;
			if (id < request.vocab) { raw = raw_logit(request.start + id); }
			partial[slot * capacity + k] = Found(id, value, raw);
		}
		if (thread == owner) {
			// The best of what comes after it in the order.
			mine = LOWEST;
			mine_id = 0xffffffffu;
			for (var i = first_id + thread; i < end; i += THREADS) {
				let other = penalised(request, i, raw_logit(request.start + i));
				if (before(value, id, other, i) && before(other, i, mine, mine_id)) { mine = other; mine_id = i; }
			}
		}
	}
}

@compute @workgroup_size(THREADS)
fn merge(@builtin(local_invocation_index) thread: u32, @builtin(workgroup_id) group: vec3u) {
	let row = group.y;
	let request = requests[row];
	let first = row * request.slices;
	// Each thread walks the lists of slices thread, thread + THREADS, …, which are sorted: only heads compete.
	var sum = vec4f(LOWEST, 0.0, LOWEST, 0.0);
	for (var s = thread; s < request.slices; s += THREADS) {
		let other = sums[first + s];
		sum = vec4f(join(sum.xy, other.xy), join(sum.zw, other.zw));
	}
	let total = reduce_sums(thread, sum);
	let out = row * (3u * capacity + 2u);
	if (thread == 0u) {
		result[out + 3u * capacity] = bitcast<u32>(total.x + log(total.y));
		result[out + 3u * capacity + 1u] = bitcast<u32>(total.z + log(total.w));
	}
	let entries = request.slices * request.count;
	var mine = LOWEST;
	var mine_id = 0xffffffffu;
	var mine_at = 0u;
	for (var e = thread; e < entries; e += THREADS) {
		let at = (first + e / request.count) * capacity + e % request.count;
		let other = partial[at];
		if (before(other.value, other.id, mine, mine_id)) { mine = other.value; mine_id = other.id; mine_at = at; }
	}
	for (var k = 0u; k < request.count; k++) {
		reduce_best(thread, mine, mine_id);
		let value = best_value[0];
		let id = best_id[0];
		let owner = best_owner[0];
		workgroupBarrier();
		if (thread == owner) {
			result[out + k] = id;
			result[out + capacity + k] = bitcast<u32>(value);
			result[out + 2u * capacity + k] = bitcast<u32>(partial[mine_at].raw);
			mine = LOWEST;
			mine_id = 0xffffffffu;
			for (var e = thread; e < entries; e += THREADS) {
				let at = (first + e / request.count) * capacity + e % request.count;
				let other = partial[at];
				if (before(value, id, other.value, other.id) && before(other.value, other.id, mine, mine_id)) {
					mine = other.value;
					mine_id = other.id;
					mine_at = at;
				}
			}
		}
	}
}
`;
