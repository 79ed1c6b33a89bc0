import { axeViolations } from './support/app-axe.ts';
import { crashDrill } from './support/app-crashes.ts';
import { gpuBuffers, hoursOfUse } from './support/app-hours.ts';
import { lineageAtScale } from './support/app-lineage.ts';
import { lighthouseScores } from './support/app-lighthouse.ts';
import { firstVisit } from './support/app-start.ts';

/** Each takes some minutes and stands by itself. */
export const parts = {
	start: firstVisit,
	lighthouse: lighthouseScores,
	axe: axeViolations,
	crashes: crashDrill,
	lineage: lineageAtScale,
	hours: hoursOfUse,
	gpu: gpuBuffers
};

/** The app as it is built and hosted, in Chromium: how soon it answers, who can use it, and what it survives. */
export async function run(): Promise<object> {
	let figures = {};
	for (const part of Object.values(parts)) figures = { ...figures, ...(await part()) };
	return figures;
}
