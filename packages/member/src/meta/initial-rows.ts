import type { GenesisRecord } from '@dougdb/rpc-proto';
import { compareBytes } from '../compare-bytes.js';
import { type EncodedRow, encodeRow, type MetaRow } from './row-format.js';

/**
 * What the meta group holds from genesis on, in the order of the keys, which is that of the revisions.
 * Made of the record and of nothing else: each replica makes the rows by itself, and they must be equal.
 */
export function initialMetaRows(record: GenesisRecord): EncodedRow[] {
  const { nodes, partitions, settings, clusterVersion } = record;
  const replicas = partitions.flatMap((partition) => partition.replicas);
  const rows: MetaRow[] = [
    ...partitions.map((descriptor): MetaRow => ({ kind: 'partition', descriptor })),
    ...nodes.map((node): MetaRow => ({ kind: 'node', node })),
    ...(settings === undefined ? [] : [{ kind: 'settings', settings } as const]),
    { kind: 'version', version: clusterVersion },
    {
      kind: 'next-ids',
      ids: {
        partition: 1 + Math.max(...partitions.map(({ partitionId }) => partitionId)),
        replica: 1 + Math.max(...replicas.map(({ replicaId }) => replicaId)),
        node: 1 + Math.max(...nodes.map(({ nodeId }) => nodeId)),
      },
    },
  ];
  return rows.map(encodeRow).sort((a, b) => compareBytes(a.key, b.key));
}
