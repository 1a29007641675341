// Who may import whom: downwards only, no cycles. ARCHITECTURE.md explains the houses; eslint.config.mjs
// makes a breach fail the build.
export const importTable = {
  ports: [],
  'raft-core': [],
  'rpc-proto': [],
  wal: ['ports'],
  sstable: ['ports', 'wal'],
  replica: ['ports', 'raft-core', 'wal', 'sstable', 'rpc-proto'],
  host: ['ports', 'rpc-proto'],
  facade: ['ports', 'rpc-proto'],
  member: ['ports', 'raft-core', 'wal', 'sstable', 'replica', 'facade', 'rpc-proto'],
  'client-sdk': ['ports', 'facade', 'rpc-proto'],
};

export const appImports = {
  facade: ['facade', 'host', 'ports'],
  node: ['member', 'replica', 'facade', 'host', 'rpc-proto', 'ports', 'wal', 'sstable'],
  cli: ['client-sdk', 'rpc-proto', 'ports'],
};

/** npm names of the packages by their folder. */
export const npmName = (folder) =>
  folder === 'client-sdk' ? '@dougdb/client' : `@dougdb/${folder}`;
