#!/usr/bin/env node
const { main } = await import('../dist/node/main.js');
main(process.argv.slice(2));
