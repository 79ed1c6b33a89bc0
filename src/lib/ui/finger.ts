/** Whether a finger points here: a field that gets the focus then opens a keyboard over half the screen. */
export const isFinger = (): boolean => matchMedia('(pointer: coarse)').matches;
