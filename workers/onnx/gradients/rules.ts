import type { GradientRule } from './backward.ts';
import { ELEMENTWISE } from './elementwise.ts';
import { MOVEMENT } from './movement.ts';
import { PRODUCTS } from './products.ts';

/** How the gradient passes each operator; contrib operators under their domain. */
export const GRADIENTS: Readonly<Record<string, GradientRule>> = { ...ELEMENTWISE, ...MOVEMENT, ...PRODUCTS };
