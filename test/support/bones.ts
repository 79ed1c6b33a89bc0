import type { TrainingPlan, TrainingRow } from '#workers/train/api.ts';

const BONES = [
	'femur',
	'tibia',
	'fibula',
	'patella',
	'humerus',
	'radius',
	'ulna',
	'scapula',
	'clavicle',
	'sternum'
];

/** Twenty rows on ten bones: enough to learn in a test. */
export const boneRows: TrainingRow[] = BONES.flatMap((bone, i) => [
	{
		id: `bone-${i}`,
		content: { kind: 'pair', prompt: `What is the ${bone}?`, response: `The ${bone} is bone number ${i}.` }
	},
	{
		id: `place-${i}`,
		content: { kind: 'pair', prompt: `Where is the ${bone}?`, response: `At place ${i} of the skeleton.` }
	}
]);

/** A small run over them on the bundled model, in seconds: without a teacher, who reads all rows before the first step of a session. */
export function bonesPlan(
	id: string,
	{ hyperparameters, ...change }: Partial<TrainingPlan> = {}
): TrainingPlan {
	return {
		id,
		name: 'Bones',
		base: 'bundled:nano',
		sources: [{ name: 'Bones', datanet: 'bones', licence: 'CC0-1.0', rows: boneRows }],
		preset: 'quick',
		prompts: [],
		seed: 11,
		provider: 'wasm',
		...change,
		hyperparameters: {
			rank: 4,
			alpha: 8,
			targetModules: ['q_proj', 'v_proj'],
			epochs: 3,
			batchTokens: 128,
			distillation: 0,
			...hyperparameters
		}
	};
}

/** Twenty rows on ten bones, as a person pastes them from a spreadsheet. */
export const pastedBones = [
	'humerus',
	'radius',
	'ulna',
	'femur',
	'tibia',
	'fibula',
	'patella',
	'sternum',
	'scapula',
	'sacrum'
]
	.flatMap((bone, i) => [
		`What is the ${bone}?\tThe ${bone} is bone number ${i + 1} of the skeleton.`,
		`Define ${bone}.\tThe ${bone}: a bone of the human body.`
	])
	.join('\n');
