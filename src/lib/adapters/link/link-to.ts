import { resolve } from '$app/paths';
import { formatAdapterLink, type AdapterLink } from '#workers/adapters/link.ts';

/** A link to an adapter that opens in this app. */
export function linkTo(link: AdapterLink): string {
	return `${new URL(resolve('/a'), location.href)}#${formatAdapterLink(link)}`;
}
