// Whose pages these are, only the browser knows.
export const ssr = false;
export const prerender = false;
