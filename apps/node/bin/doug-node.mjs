#!/usr/bin/env node
// libuv reads this once, at the first use of its pool: fdatasync of several files, lmdb and DNS share it.
process.env.UV_THREADPOOL_SIZE ??= '16';
const { main } = await import('../dist/cli/main.js');
await main(process.argv.slice(2));
