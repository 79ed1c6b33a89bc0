import Factory from '@lucide/svelte/icons/factory';
import Landmark from '@lucide/svelte/icons/landmark';
import LibraryBig from '@lucide/svelte/icons/library-big';
import Layers from '@lucide/svelte/icons/layers';
import MessageSquare from '@lucide/svelte/icons/message-square';
import ReceiptText from '@lucide/svelte/icons/receipt-text';
import Settings2 from '@lucide/svelte/icons/settings-2';
import Waypoints from '@lucide/svelte/icons/waypoints';

/** The pages there are. Those with a `short` name stand in the bottom bar of a phone; its menu has all of them. */
export const rooms = [
	{ path: '/', name: 'Chat', short: 'Chat', icon: MessageSquare },
	{ path: '/datanets', name: 'Datanets', short: 'Datanets', icon: LibraryBig },
	{ path: '/factory', name: 'Factory', short: 'Factory', icon: Factory },
	{ path: '/adapters', name: 'Models & adapters', icon: Layers },
	{ path: '/ledger', name: 'Ledger', short: 'Ledger', icon: ReceiptText },
	{ path: '/lineage', name: 'Lineage', icon: Waypoints },
	{ path: '/govern', name: 'Govern', short: 'Govern', icon: Landmark },
	{ path: '/settings', name: 'Device & storage', icon: Settings2 }
] as const;

/** True for a room's own page and for the pages inside it. */
export function isIn(route: string | null, path: string): boolean {
	return route === path || (path !== '/' && !!route?.startsWith(`${path}/`));
}
