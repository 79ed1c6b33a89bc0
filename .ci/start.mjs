import { serve } from './serve.mjs';

const wanted = Number(process.env.PORT ?? 4173);
const { url } = await serve({ port: wanted }).catch((error) => {
	if (error.code !== 'EADDRINUSE') throw error;
	console.log(`Port ${wanted} is taken; another one is used.`);
	return serve();
});
console.log(`\n  OpenLedger is ready:  ${url}\n\n  Press Ctrl+C to stop.\n`);
