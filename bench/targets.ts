/** What each published figure must reach, and the anchor it is held against. The README's table is made of these and of bench/results. */
export interface Target {
	bench: string;
	/** Path of the figure in the result, dots for nesting. */
	key: string;
	label: string;
	atLeast?: number;
	atMost?: number;
	unit: string;
	anchor: string;
}

export const targets: Target[] = [
	{
		bench: 'decode',
		key: 'vs_transformers_wasm',
		label: 'Decode speed against transformers.js, wasm',
		atLeast: 1.05,
		unit: '×',
		anchor: 'transformers.js 4.3.1 = 1'
	},
	{
		bench: 'decode',
		key: 'vs_bare_loop',
		label: 'Decode speed against a bare `session.run` loop',
		atLeast: 0.95,
		unit: '×',
		anchor: 'onnxruntime-web 1.30 = 1'
	},
	{
		bench: 'dispatch',
		key: 'programs_base',
		label: 'WebGPU programs a token, base',
		atMost: 74,
		unit: '',
		anchor: 'ORT fused 74'
	},
	{
		bench: 'dispatch',
		key: 'programs_adapter',
		label: 'WebGPU programs a token, one adapter',
		atMost: 171,
		unit: '',
		anchor: 'naive LoRA 291'
	},
	{
		bench: 'dispatch',
		key: 'readback_bytes',
		label: 'Bytes read back a token',
		atMost: 1000,
		unit: 'B',
		anchor: 'logits 16,384'
	},
	{
		bench: 'lora',
		key: 'adapter_over_base',
		label: 'Decode with a rank-16 adapter over base, wasm',
		atLeast: 0.92,
		unit: '×',
		anchor: 'S-LoRA 0.80, emberglass 0.64'
	},
	{
		bench: 'swap',
		key: 'resident_steps',
		label: 'Swapping to a resident adapter, in decode steps',
		atMost: 1,
		unit: 'steps',
		anchor: ''
	},
	{
		bench: 'swap',
		key: 'opfs_ms',
		label: 'Swapping to a 5 MB adapter in storage',
		atMost: 150,
		unit: 'ms',
		anchor: ''
	},
	{
		bench: 'swap',
		key: 'speedup_over_merge',
		label: 'Swap against rebuilding a merged session',
		atLeast: 50,
		unit: '×',
		anchor: 'merge and reload = 1'
	},
	{
		bench: 'pool',
		key: 'thousand_over_five',
		label: 'Tokens/s over 1,000 adapters against 5',
		atLeast: 0.94,
		unit: '×',
		anchor: 'S-LoRA 0.945'
	},
	{
		bench: 'rows',
		key: 'speedup',
		label: '4 rows with 4 adapters against one after another',
		atLeast: 1.5,
		unit: '×',
		anchor: 'one by one = 1'
	},
	{
		bench: 'spans',
		key: 'build_s',
		label: 'Span index of 10 M words: building',
		atMost: 90,
		unit: 's',
		anchor: ''
	},
	{
		bench: 'spans',
		key: 'query_ms',
		label: 'Spans of a reply of 512 words',
		atMost: 20,
		unit: 'ms',
		anchor: 'OLMoTrace 4.46 s (4.6 T tokens)'
	},
	{
		bench: 'spans',
		key: 'bytes_per_token',
		label: 'Span index, bytes a word',
		atMost: 6,
		unit: 'B',
		anchor: 'infini-gram 7'
	},
	{
		bench: 'lds',
		key: 'lds_heldout',
		label: 'LDS of the int8 index, held-out queries, three Datanets',
		atLeast: 0.7,
		unit: '',
		anchor: 'EK-FAC + ASTRA 0.643, BM25 0.220, both on GPT-2'
	},
	{
		bench: 'lds',
		key: 'lds_trained',
		label: 'The same on trained queries in other words',
		atLeast: 0.86,
		unit: '',
		anchor: ''
	},
	{
		bench: 'lds',
		key: 'int8_loss',
		label: 'LDS lost by int8',
		atMost: 0.01,
		unit: '',
		anchor: ''
	},
	{
		bench: 'lds',
		key: 'lds_independent',
		label: 'LDS, held-out queries, ground truth of another code base',
		atLeast: 0.68,
		unit: '',
		anchor: 'BM25 0.35; our PyTorch prototype 0.73'
	},
	{
		bench: 'lds',
		key: 'removal_ratio',
		label: 'Loss without our ten rows over loss without BM25’s, retrained',
		atLeast: 1.2,
		unit: '×',
		anchor: 'bergson: EK-FAC 1.13, with ASTRA 1.19'
	},
	{
		bench: 'lds',
		key: 'offtopic_mass',
		label: 'Off-topic replies: share that is attributed',
		atMost: 0.05,
		unit: '',
		anchor: ''
	},
	{
		bench: 'lds',
		key: 'attack_max_ratio',
		label: 'Copies, stuffed rows and quotations over an honest row’s share',
		atMost: 1.1,
		unit: '×',
		anchor: 'an honest row = 1'
	},
	{
		bench: 'lds',
		key: 'mislabelled_top20',
		label: 'Swapped answers (20 % of rows) in the first 20 % looked at',
		atLeast: 0.8,
		unit: '',
		anchor: 'kronfluence 0.97 (CIFAR-10), DataInf about 0.4'
	},
	{
		bench: 'lds',
		key: 'paraphrase_top10',
		label: 'Paraphrased source among the first 10 of 1,000 rows',
		atLeast: 0.8,
		unit: '',
		anchor: 'spans about 0'
	},
	{
		bench: 'attribution',
		key: 'time_over_generation_wasm',
		label: 'Attribution after a reply over generating it, wasm',
		atMost: 0.5,
		unit: '×',
		anchor: 'DataInf 26 s a query'
	},
	{
		bench: 'attribution',
		key: 'score_100k_ms',
		label: 'Scoring 100,000 contributions of 1 KB',
		atMost: 60,
		unit: 'ms',
		anchor: ''
	},
	{
		bench: 'attribution',
		key: 'bytes_per_contribution',
		label: 'Attribution index, bytes a contribution',
		atMost: 1024,
		unit: 'B',
		anchor: ''
	},
	{
		bench: 'load',
		key: 'memory_over_file',
		label: 'Peak memory while loading over file size',
		atMost: 1.6,
		unit: '×',
		anchor: ''
	},
	{
		bench: 'load',
		key: 'first_token_over_transformers',
		label: 'Time to first token from storage against transformers.js',
		atMost: 1,
		unit: '×',
		anchor: 'transformers.js = 1'
	},
	{
		bench: 'settle',
		key: 'boot_ms',
		label: 'Starting the chain in the tab',
		atMost: 150,
		unit: 'ms',
		anchor: 'a bare prototype 57'
	},
	{
		bench: 'settle',
		key: 'write_ms',
		label: 'A settlement on the chain in the tab, signed and on disk',
		atMost: 25,
		unit: 'ms',
		anchor: 'a bare prototype, in memory 9'
	},
	{
		bench: 'settle',
		key: 'rebuild_s',
		label: 'A month of settlements rebuilt from the logs, in the browser',
		atMost: 20,
		unit: 's',
		anchor: '30,000 settlements, 30 million leaves'
	},
	{
		bench: 'settle',
		key: 'rebuild_mb',
		label: 'Memory that takes',
		atMost: 300,
		unit: 'MiB',
		anchor: ''
	},
	{
		bench: 'datanets',
		key: 'import_s',
		label: 'Importing 100,000 rows (60 MB of JSON Lines)',
		atMost: 25,
		unit: 's',
		anchor: ''
	},
	{
		bench: 'datanets',
		key: 'longest_block_ms',
		label: 'Longest time the page stood still meanwhile',
		atMost: 100,
		unit: 'ms',
		anchor: ''
	},
	{
		bench: 'datanets',
		key: 'peak_mb',
		label: 'Peak memory of the page and its workers meanwhile',
		atMost: 400,
		unit: 'MB',
		anchor: ''
	},
	{
		bench: 'datanets',
		key: 'open_ms',
		label: 'Opening a Datanet of 100,000 rows',
		atMost: 500,
		unit: 'ms',
		anchor: ''
	},
	{
		bench: 'datanets',
		key: 'scroll_frames_over_100_ms',
		label: 'Frames over 100 ms while scrolling through it',
		atMost: 0,
		unit: '',
		anchor: ''
	},
	{
		bench: 'datanets',
		key: 'search_ms',
		label: 'Searching it',
		atMost: 50,
		unit: 'ms',
		anchor: ''
	},
	{
		bench: 'datanets',
		key: 'root_s',
		label: 'Merkle root of its rows',
		atMost: 8,
		unit: 's',
		anchor: ''
	},
	{
		bench: 'datanets',
		key: 'root_incremental_s',
		label: 'The same after one row has changed',
		atMost: 1,
		unit: 's',
		anchor: ''
	},
	{
		bench: 'datanets',
		key: 'near_dup_s',
		label: 'Near duplicates among them (with all other checks)',
		atMost: 30,
		unit: 's',
		anchor: ''
	},
	{
		bench: 'datanets',
		key: 'near_dup_recall',
		label: 'Near duplicates found, at Jaccard 0.8',
		atLeast: 0.95,
		unit: '',
		anchor: 'every pair compared = 1'
	},
	{
		bench: 'datanets',
		key: 'pii_recall',
		label: 'Personal data found, labelled set',
		atLeast: 0.95,
		unit: '',
		anchor: ''
	},
	{
		bench: 'datanets',
		key: 'pii_precision',
		label: 'Personal data: right among what was found',
		atLeast: 0.9,
		unit: '',
		anchor: ''
	},
	{
		bench: 'train',
		key: 'over_forward_node',
		label: 'Training against the forward loss, tokens/s, Node CPU',
		atLeast: 0.4,
		unit: '',
		anchor: 'limit 0.5'
	},
	{
		bench: 'train',
		key: 'over_forward_wasm',
		label: 'The same, wasm',
		atLeast: 0.4,
		unit: '',
		anchor: 'limit 0.5'
	},
	{
		bench: 'train',
		key: 'over_forward_recompute',
		label: 'The same with each layer computed twice',
		atLeast: 0.28,
		unit: '',
		anchor: 'limit 0.33'
	},
	{
		bench: 'train',
		key: 'webgpu_cpu_nodes',
		label: 'Nodes of the training graph that leave the GPU',
		atMost: 0,
		unit: '',
		anchor: ''
	},
	{
		bench: 'train',
		key: 'webgpu_gradient_error',
		label: 'Its gradient against that of wasm, of the largest element',
		atMost: 1e-4,
		unit: '',
		anchor: ''
	},
	{
		bench: 'train',
		key: 'vs_jax_js',
		label: 'LoRA step of nano against jax-js, wasm, one thread',
		atLeast: 2,
		unit: '×',
		anchor: '@jax-js/jax = 1'
	},
	{
		bench: 'train',
		key: 'memory_over_inference',
		label: 'Peak memory of training against inference, 135M shape, 4 × 512 tokens',
		atMost: 4,
		unit: '×',
		anchor: 'inference = 1'
	},
	{
		bench: 'train',
		key: 'heldout_loss_drop',
		label: 'Held-out loss after the quick preset on 300 rows, below the base’s by',
		atLeast: 0.15,
		unit: '',
		anchor: 'base = 0'
	},
	{
		bench: 'train',
		key: 'keyword_hit',
		label: 'Learnt questions, reworded, answered with their row’s key words',
		atLeast: 0.9,
		unit: '',
		anchor: ''
	},
	{
		bench: 'train',
		key: 'wall_s',
		label: 'The same run in Chromium, start to end',
		atMost: 360,
		unit: 's',
		anchor: ''
	},
	{
		bench: 'pretrain',
		key: 'loss_difference',
		label: 'Continued pre-training, 200 steps: loss against PyTorch’s on the same batches',
		atMost: 0.02,
		unit: '',
		anchor: 'PyTorch = 0'
	},
	{
		bench: 'app',
		key: 'js_kb',
		label: 'First load of script, compressed',
		atMost: 170,
		unit: 'kB',
		anchor: ''
	},
	{
		bench: 'app',
		key: 'lighthouse_performance_min',
		label: 'Lighthouse, a slow phone, performance: lowest of all pages',
		atLeast: 95,
		unit: '',
		anchor: ''
	},
	{
		bench: 'app',
		key: 'lighthouse_accessibility_min',
		label: 'The same, accessibility',
		atLeast: 100,
		unit: '',
		anchor: ''
	},
	{
		bench: 'app',
		key: 'lighthouse_best_practices_min',
		label: 'The same, best practices',
		atLeast: 100,
		unit: '',
		anchor: ''
	},
	{
		bench: 'app',
		key: 'axe_violations',
		label: 'axe: rules broken on any page or dialog, light and dark, phone and desk',
		atMost: 0,
		unit: '',
		anchor: ''
	},
	{
		bench: 'app',
		key: 'offline_ready_ms',
		label: 'Reload without a network to a chat that takes text',
		atMost: 2000,
		unit: 'ms',
		anchor: ''
	},
	{
		bench: 'app',
		key: 'first_token_ms',
		label: 'First visit to the first word of a reply, no GPU',
		atMost: 6000,
		unit: 'ms',
		anchor: ''
	},
	{
		bench: 'app',
		key: 'crash_recoveries',
		label: 'Engine killed 100 times at random during use: recoveries',
		atLeast: 100,
		unit: '',
		anchor: ''
	},
	{
		bench: 'app',
		key: 'lineage_ms',
		label: 'Lineage over 10,000 rows and 1,000 answers: any first view, processor time',
		atMost: 1000,
		unit: 'ms',
		anchor: ''
	},
	{
		bench: 'app',
		key: 'lineage_more_ms',
		label: 'The same: a hundred more neighbours, or all that stand there as a table',
		atMost: 1000,
		unit: 'ms',
		anchor: ''
	},
	{
		bench: 'app',
		key: 'memory_growth',
		label: 'Memory that 8 hours of use add, after the warm-up (of what is held then)',
		atMost: 0.05,
		unit: '',
		anchor: ''
	},
	{
		bench: 'app',
		key: 'gpu_buffers_left',
		label: 'GPU buffers that rounds of replies, swaps and new starts leave behind',
		atMost: 0,
		unit: '',
		anchor: ''
	},
	{
		bench: 'app',
		key: 'lost_messages',
		label: 'Messages lost by that',
		atMost: 0,
		unit: '',
		anchor: ''
	}
];
