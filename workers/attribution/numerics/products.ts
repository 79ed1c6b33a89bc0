import { GraphWriter } from '#workers/onnx/graph-writer.ts';
import { createModel, type Model } from '#workers/onnx/model.ts';
import type { Feed, GraphRunner, StartRunner } from '../gradients.ts';

/** Products of large float32 matrices, row-major, by onnxruntime's kernels: many times as fast as loops here. */
export class Products {
	readonly #byRows: GraphRunner;
	readonly #plain: GraphRunner;

	private constructor(byRows: GraphRunner, plain: GraphRunner) {
		this.#byRows = byRows;
		this.#plain = plain;
	}

	static async start(start: StartRunner): Promise<Products> {
		return new Products(
			await start({ model: productGraph(true) }),
			await start({ model: productGraph(false) })
		);
	}

	/** a · bᵀ of [m, inner] and [n, inner]: [m, n]. */
	byRows(a: Float32Array, b: Float32Array, inner: number): Promise<Float32Array> {
		return this.#run(this.#byRows, a, [a.length / inner, inner], b, [b.length / inner, inner]);
	}

	/** a · b of [m, inner] and [inner, n]: [m, n]. */
	plain(a: Float32Array, b: Float32Array, inner: number): Promise<Float32Array> {
		return this.#run(this.#plain, a, [a.length / inner, inner], b, [inner, b.length / inner]);
	}

	async dispose(): Promise<void> {
		await this.#byRows.dispose();
		await this.#plain.dispose();
	}

	async #run(runner: GraphRunner, a: Float32Array, left: number[], b: Float32Array, right: number[]) {
		const feeds = new Map<string, Feed>([
			['a', { type: 'float32', data: a, dims: left }],
			['b', { type: 'float32', data: b, dims: right }]
		]);
		const [product = new Float32Array()] = await runner.run(feeds, ['product']);
		return product;
	}
}

function productGraph(byRows: boolean): Model {
	const model = createModel('product');
	const { graph } = model;
	graph.input('a', 'float32', ['m', 'inner']);
	graph.input('b', 'float32', byRows ? ['n', 'inner'] : ['inner', 'n']);
	new GraphWriter(graph, 'product').op('Gemm', ['a', 'b'], byRows ? { transB: 1 } : {}, 'product');
	graph.output('product', 'float32', ['m', 'n']);
	return model;
}
