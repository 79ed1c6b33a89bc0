import { OpenLedgerError } from '#workers/errors.ts';
import { requestAdapter } from './probe.ts';

/** Used where there: half precision for fp16 models, subgroup operations for faster kernels. */
const FEATURES = ['shader-f16', 'subgroups'] as const;

/** The limits that onnxruntime's kernels go by; the defaults are far below what devices have. */
const LIMITS = [
	'maxBufferSize',
	'maxStorageBufferBindingSize',
	'maxStorageBuffersPerShaderStage',
	'maxComputeWorkgroupStorageSize',
	'maxComputeInvocationsPerWorkgroup',
	'maxComputeWorkgroupSizeX',
	'maxComputeWorkgroupSizeY',
	'maxComputeWorkgroupSizeZ',
	'maxComputeWorkgroupsPerDimension'
] as const;

/** Opens the GPU for inference. @throws OpenLedgerError `device/no-webgpu` */
export async function openGpuDevice(
	gpu: GPU | undefined = navigator.gpu as GPU | undefined
): Promise<GPUDevice> {
	const adapter = await requestAdapter(gpu);
	if (!adapter) throw noWebGpu();
	try {
		return await adapter.requestDevice({
			requiredFeatures: FEATURES.filter((feature) => adapter.features.has(feature)),
			requiredLimits: Object.fromEntries(LIMITS.map((limit) => [limit, adapter.limits[limit]]))
		});
	} catch (error) {
		throw noWebGpu(error);
	}
}

function noWebGpu(cause?: unknown): OpenLedgerError {
	return new OpenLedgerError('device/no-webgpu', 'This browser offers no graphics card to web pages.', {
		remedy: 'Choose the processor, or use a browser with WebGPU and an up-to-date graphics driver.',
		cause
	});
}
