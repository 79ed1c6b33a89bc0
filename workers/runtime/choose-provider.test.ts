import { describe, expect, test } from 'vitest';
import { OpenLedgerError } from '#workers/errors.ts';
import { chooseProvider } from './choose-provider.ts';
import { describeAdapter, probeDevice, type DeviceProbe } from './probe.ts';

const GPU = { name: 'nvidia ampere', software: false, shaderF16: true, maxBufferSize: 2 ** 31, maxStorageBufferBindingSize: 2 ** 31 }; // prettier-ignore
const PROBE: DeviceProbe = { gpu: GPU, isolated: true, jspi: true, cores: 8 };
const LARGE = { weightBytes: 500 * 2 ** 20, features: [] };
const NANO = { weightBytes: 5 * 2 ** 20, features: [] };

describe('the choice of provider', () => {
	test('a GPU for a model of some size, in the build that the browser can run', () => {
		expect(chooseProvider(PROBE, LARGE)).toMatchObject({ provider: 'webgpu', build: 'jspi' });
		expect(chooseProvider({ ...PROBE, jspi: false }, LARGE)).toMatchObject({ build: 'asyncify' });
	});

	test('wasm for a small model, threads only where the page is isolated', () => {
		expect(chooseProvider(PROBE, NANO)).toMatchObject({ provider: 'wasm', build: 'wasm', threads: 4 });
		expect(chooseProvider({ ...PROBE, isolated: false }, NANO)).toMatchObject({ threads: 1 });
		expect(chooseProvider({ ...PROBE, cores: 2 }, NANO)).toMatchObject({ threads: 1 });
	});

	test('work that nobody waits for takes more threads than chat, and leaves one processor of three or more', () => {
		const threads = (cores: number, isolated = true) =>
			chooseProvider({ ...PROBE, cores, isolated }, NANO, 'wasm', 'work').threads;
		expect([1, 2, 3, 4, 8].map((cores) => threads(cores))).toEqual([1, 2, 2, 3, 4]);
		expect(threads(8, false)).toBe(1);
	});

	test('a software adapter counts as none, unless asked for', () => {
		const probe = { ...PROBE, gpu: { ...GPU, software: true } };
		expect(chooseProvider(probe, LARGE)).toMatchObject({ provider: 'wasm' });
		expect(chooseProvider(probe, LARGE).reason).toContain('emulated in software');
		expect(chooseProvider(probe, LARGE, 'webgpu').provider).toBe('webgpu');
	});

	test('a model in 16 bits needs a GPU that computes in them', () => {
		const half = { ...LARGE, features: ['shader-f16'] as const };
		expect(chooseProvider(PROBE, half).provider).toBe('webgpu');
		const probe = { ...PROBE, gpu: { ...GPU, shaderF16: false } };
		expect(chooseProvider(probe, half)).toMatchObject({ provider: 'wasm' });
		expect(() => chooseProvider(probe, half, 'webgpu')).toThrow(OpenLedgerError);
	});

	test('what was asked for, where it can be had', () => {
		expect(chooseProvider(PROBE, NANO, 'webgpu').provider).toBe('webgpu');
		expect(chooseProvider(PROBE, LARGE, 'wasm').provider).toBe('wasm');
		expect(() => chooseProvider({ ...PROBE, gpu: undefined }, LARGE, 'webgpu')).toThrow(
			expect.objectContaining({ code: 'device/no-webgpu' })
		);
	});
});

describe('the probe', () => {
	const adapter = (info: Partial<GPUAdapterInfo>, features: string[] = []) =>
		({
			info: { vendor: '', architecture: '', device: '', description: '', isFallbackAdapter: false, ...info },
			features: new Set(features),
			limits: { maxBufferSize: 1, maxStorageBufferBindingSize: 1 }
		}) as unknown as GPUAdapter;

	test.each([
		[{ vendor: 'google', architecture: 'swiftshader' }, true],
		[{ vendor: 'mesa', description: 'llvmpipe (LLVM 17.0.6, 256 bits)' }, true],
		[{ vendor: 'microsoft', description: 'Microsoft Basic Render Driver' }, true],
		[{ vendor: 'intel', isFallbackAdapter: true }, true],
		[{ vendor: 'apple', architecture: 'metal-3' }, false],
		[{ vendor: 'nvidia', architecture: 'hopper' }, false]
	])('%o: software is %s', (info, software) => {
		expect(describeAdapter(adapter(info)).software).toBe(software);
	});

	test('a browser without WebGPU, or whose GPU process fails, has no GPU', async () => {
		expect((await probeDevice({ hardwareConcurrency: 4 }, false)).gpu).toBeUndefined();
		const gpu = { requestAdapter: () => Promise.reject(new Error('blocklisted')) } as unknown as GPU;
		const probe = await probeDevice({ gpu, hardwareConcurrency: 4, deviceMemory: 8 }, false);
		expect(probe).toMatchObject({ isolated: false, cores: 4, memoryBytes: 8 * 2 ** 30 });
		expect(probe).not.toHaveProperty('handheld');
		const phone = 'Mozilla/5.0 (iPhone; CPU iPhone OS 26_0 like Mac OS X)';
		expect(await probeDevice({ userAgent: phone })).toMatchObject({ handheld: true });
		const mac = 'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)';
		expect(await probeDevice({ userAgent: mac, maxTouchPoints: 5 })).toMatchObject({ handheld: true });
		expect(await probeDevice({ userAgent: mac, maxTouchPoints: 0 })).not.toHaveProperty('handheld');
		expect(probe.gpu).toBeUndefined();
	});
});
