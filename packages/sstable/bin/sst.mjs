#!/usr/bin/env node
const { main } = await import('../dist/node/sst/main.js');
await main(process.argv.slice(2));
