import { building } from '$app/env';
import { page } from '$app/state';

/** What the address says after `name=`; null where it says nothing, and in the markup that is made before any address. */
export const asked = (name: string): string | null => (building ? null : page.url.searchParams.get(name));
