/** A WebGPU adapter as far as choosing depends on it. */
export interface GpuProbe {
	/** Vendor, architecture and device as the browser tells them. Browsers hide much of it. */
	name: string;
	/** Runs on the CPU (SwiftShader, llvmpipe, WARP): 50 to 100 times slower than the wasm kernels. */
	software: boolean;
	shaderF16: boolean;
	/** Bytes; a weight must fit both. */
	maxBufferSize: number;
	maxStorageBufferBindingSize: number;
}

/** What this machine and browser offer for inference. */
export interface DeviceProbe {
	/** Undefined where there is no WebGPU, or no adapter. */
	gpu?: GpuProbe;
	/** Cross-origin isolated: wasm threads may be used. Always true in Node. */
	isolated: boolean;
	/** JavaScript promise integration: the smaller of the two WebGPU builds runs. */
	jspi: boolean;
	/** Logical processors. */
	cores: number;
	/** `navigator.deviceMemory` in bytes: rounded down by the browser, at most 8 GiB in most, and told by Chromium only. */
	memoryBytes?: number;
	/** A phone or tablet: its system ends a page that takes more than its part, without a word. */
	handheld?: boolean;
}

interface HostNavigator {
	gpu?: GPU;
	hardwareConcurrency?: number;
	/** GiB. */
	deviceMemory?: number;
	userAgent?: string;
	maxTouchPoints?: number;
}

/** Browsers of phones and tablets; an iPad says that it is a Mac, and no Mac has a touch screen. */
const HANDHELD = /Android|iPhone|iPad|Mobile/;

const SOFTWARE = /swiftshader|llvmpipe|lavapipe|softpipe|basic render|software/i;

/** Asks the browser; opens no device and loads nothing. */
export async function probeDevice(
	host: HostNavigator = navigator as HostNavigator,
	isolated = (globalThis as { crossOriginIsolated?: boolean }).crossOriginIsolated ?? true
): Promise<DeviceProbe> {
	const adapter = await requestAdapter(host.gpu);
	return {
		...(adapter && { gpu: describeAdapter(adapter) }),
		isolated,
		jspi: 'Suspending' in WebAssembly,
		cores: host.hardwareConcurrency ?? 1,
		...(isHandheld(host) && { handheld: true }),
		...(host.deviceMemory && { memoryBytes: host.deviceMemory * 2 ** 30 })
	};
}

function isHandheld({ userAgent = '', maxTouchPoints = 0 }: HostNavigator): boolean {
	return HANDHELD.test(userAgent) || (userAgent.includes('Macintosh') && maxTouchPoints > 1);
}

export async function requestAdapter(gpu: GPU | undefined): Promise<GPUAdapter | undefined> {
	try {
		return (await gpu?.requestAdapter({ powerPreference: 'high-performance' })) ?? undefined;
	} catch {
		// A blocked or crashed GPU process: as good as none.
		return undefined;
	}
}

export function describeAdapter({ info, features, limits }: GPUAdapter): GpuProbe {
	const { vendor, architecture, device, description } = info;
	const name = [vendor, architecture, device, description].filter((part) => part !== '').join(' ');
	return {
		name,
		software: info.isFallbackAdapter || SOFTWARE.test(name) || (vendor === 'google' && architecture === ''),
		shaderF16: features.has('shader-f16'),
		maxBufferSize: limits.maxBufferSize,
		maxStorageBufferBindingSize: limits.maxStorageBufferBindingSize
	};
}
