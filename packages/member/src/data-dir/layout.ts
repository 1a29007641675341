/** Where things stand in a data directory. Paths only: nothing here touches a disk. */
export interface DataDirLayout {
  readonly root: string;
  /** Identity: uuid, then cluster, node id and genesis record. */
  readonly nodeFile: string;
  /** A NODE file being written; whatever it holds, it was never promised. */
  readonly nodeFileNew: string;
  readonly lock: string;
  /** Hard states of all replicas. */
  readonly raftMeta: string;
  readonly wal: string;
  readonly partitions: string;
  readonly staging: string;
  readonly quarantine: string;
  readonly trash: string;
}

export function layoutOf(root: string): DataDirLayout {
  return {
    root,
    nodeFile: `${root}/NODE`,
    nodeFileNew: `${root}/NODE.new`,
    lock: `${root}/LOCK`,
    raftMeta: `${root}/raft-meta`,
    wal: `${root}/wal`,
    partitions: `${root}/partitions`,
    staging: `${root}/staging`,
    quarantine: `${root}/quarantine`,
    trash: `${root}/trash`,
  };
}

/** Directory of one replica's tables. */
export function replicaDir(layout: DataDirLayout, partitionId: number, replicaId: number): string {
  return `${layout.partitions}/${partitionId}-${replicaId}`;
}

/** The directory that holds the name of this path. */
export function parentOf(path: string): string {
  const trimmed = path.replace(/\/+$/, '');
  if (trimmed === '') return '/';
  const slash = trimmed.lastIndexOf('/');
  if (slash === 0) return '/';
  return slash < 0 ? '.' : trimmed.slice(0, slash);
}
