// What stands in another page depends on that page alone.
export const ssr = false;
