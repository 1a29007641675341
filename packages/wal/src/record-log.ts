import type { FileSystem } from '@dougdb/ports';

/** A plain sequence of checksummed records in one file: the manifest's log. Same frames as the WAL. */
export class RecordLog {
  /** Makes a new file (EEXIST if it is there). Durable after sync() and a syncDir by the caller. */
  static create(_fs: FileSystem, _path: string, _identity: Uint8Array): RecordLog {
    throw new Error('being written');
  }

  /**
   * Reads every record in order and opens the log for further appends. A torn last record is
   * reported and not delivered; the log may then be read but not appended to (make a new one).
   * @throws WalError WAL_CORRUPT with file and offset for any other damage, or a wrong identity
   */
  static open(
    _fs: FileSystem,
    _path: string,
    _identity: Uint8Array,
    _onRecord: (record: Uint8Array) => void,
  ): { log: RecordLog; tail: 'clean' | 'torn' } {
    throw new Error('being written');
  }

  get sizeBytes(): number {
    throw new Error('being written');
  }

  append(_record: Uint8Array): void {
    throw new Error('being written');
  }

  /** Makes all appended records durable. A rejection is terminal for this log. */
  sync(): Promise<void> {
    throw new Error('being written');
  }

  close(): void {
    throw new Error('being written');
  }
}
