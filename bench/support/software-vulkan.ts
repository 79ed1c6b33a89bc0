import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { findChromium } from '../../.ci/chromium.mjs';

/** Chromium's SwiftShader as the Vulkan driver, unless the environment names one. */
export function softwareVulkan(): Record<string, string> {
	if (process.env.VK_ICD_FILENAMES ?? process.env.VK_DRIVER_FILES) return {};
	const folders = ['/usr/lib/chromium', '/usr/lib/chromium-browser', dirname(findChromium() ?? '')];
	const folder = folders.find((path) => existsSync(join(path, 'vk_swiftshader_icd.json')));
	if (!folder) return {};
	return {
		VK_ICD_FILENAMES: join(folder, 'vk_swiftshader_icd.json'),
		LD_LIBRARY_PATH: [folder, process.env.LD_LIBRARY_PATH ?? ''].filter((path) => path !== '').join(':')
	};
}
