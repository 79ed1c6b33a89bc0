import type { ItemLabel } from './store/item.ts';

/** What a base is called in files that others read (`base_model_name_or_path` of PEFT): where it is from. The bundled one is on no hub. */
export function baseName({ source, name }: Pick<ItemLabel, 'source' | 'name'>): string {
	return source === 'bundled' ? 'openledger/nano' : source || name;
}
