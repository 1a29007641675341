import type { ReplicaId } from '../ids.js';
import type { AckedIndexOf } from './majority.js';

/**
 * A small chart of who has acknowledged what, one line a voter, for people and conformance files
 * (etcd quorum/majority.go, Describe). `x` stands for each voter that is further behind.
 */
export function describeAcked(voters: readonly ReplicaId[], ackedOf: AckedIndexOf): string {
  if (voters.length === 0) return '<empty majority quorum>';
  const n = voters.length;
  const lines = [`${' '.repeat(n + 4)}idx`];
  for (const id of voters) {
    const acked = ackedOf(id);
    const behind = voters.filter((other) => (ackedOf(other) ?? 0) < (acked ?? 0)).length;
    const bar =
      acked === null ? `?${' '.repeat(n)}` : `${'x'.repeat(behind)}>${' '.repeat(n - behind)}`;
    lines.push(`${bar} ${String(acked ?? 0).padStart(5)}    (id=${id.toString(16)})`);
  }
  return `${lines.join('\n')}\n`;
}
