import type { Folder } from '#workers/models/store/folder.ts';
import type { OrtBuild, OrtUrls } from '#workers/runtime/ort-module.ts';

/** What the engine cannot know by itself: where it stands. */
export interface EngineEnvironment {
	/** Where models and adapters rest. */
	folder: Promise<Folder> | Folder;
	/** The app's own address with a trailing slash: bundled model and adapters lie under it. */
	appUrl: string;
	/** onnxruntime's files on the app's own origin. Undefined in Node, which finds them itself. */
	ortUrls?: Record<OrtBuild, OrtUrls>;
}
