// Markup of a page as it first stands is made with the app, so that it is there before any script (docs/decisions/first-paint.md).
export const prerender = true;
