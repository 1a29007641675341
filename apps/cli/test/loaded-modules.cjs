// Loaded before the command: tells at its end which packages of node_modules it has loaded.
process.on('exit', () => {
  const packages = new Set();
  for (const file of Object.keys(require.cache)) {
    const name = /.*node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(file)?.[1];
    if (name !== undefined) packages.add(name);
  }
  const http2 = process.moduleLoadList.some((name) => name === 'NativeModule http2');
  process.stderr.write(`${JSON.stringify({ packages: [...packages].sort(), http2 })}\n`);
});
