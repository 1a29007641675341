import { crc32 } from '../../crc32.js';
import type { File, OpenMode } from '../../file-system.js';
import { checkFileSize, checkTransfer } from '../../transfer-range.js';
import type { FileInode } from './file-inode.js';
import { SimFsError } from './fs-error.js';
import type { Fault, OperationKind } from './operation.js';
import type { Passage } from './operation-gate.js';
import { asPromise, type OpenFile, type SimDisk, syncOutcome, throwFault } from './sim-disk.js';

/**
 * An open file of {@link SimFs}. Asynchronous reads and writes take effect when they end, not when
 * they are called: who does not await them sees what a thread pool would show.
 */
export class SimFile implements File {
  readonly path: string;
  readonly #disk: SimDisk;
  readonly #inode: FileInode;
  readonly #handle: OpenFile;
  readonly #writable: boolean;
  readonly #incarnation: number;
  #closed = false;

  constructor(disk: SimDisk, inode: FileInode, path: string, mode: OpenMode) {
    this.path = path;
    this.#disk = disk;
    this.#inode = inode;
    this.#writable = mode !== 'read';
    this.#incarnation = disk.incarnation;
    this.#handle = { path, inode };
    disk.openFiles.add(this.#handle);
    inode.retain();
  }

  readSync(target: Uint8Array, targetOffset: number, length: number, position: number): number {
    checkTransfer(target, targetOffset, length, position);
    const { fault } = this.#pass('read', true, position, length);
    throwFault(fault, 'read', this.path);
    return this.#inode.read(target, targetOffset, length, position);
  }

  read(
    target: Uint8Array,
    targetOffset: number,
    length: number,
    position: number,
  ): Promise<number> {
    return asPromise(() => {
      checkTransfer(target, targetOffset, length, position);
      const { fault } = this.#pass('read', false, position, length);
      return this.#disk.later('io', fault, () => {
        throwFault(fault, 'read', this.path);
        return this.#inode.read(target, targetOffset, length, position);
      });
    });
  }

  writeSync(source: Uint8Array, sourceOffset: number, length: number, position: number): void {
    checkTransfer(source, sourceOffset, length, position);
    const passage = this.#pass('write', true, position, length);
    this.#write(source.subarray(sourceOffset, sourceOffset + length), position, passage);
  }

  write(source: Uint8Array, sourceOffset: number, length: number, position: number): Promise<void> {
    return asPromise(() => {
      checkTransfer(source, sourceOffset, length, position);
      const passage = this.#pass('write', false, position, length);
      const bytes = source.subarray(sourceOffset, sourceOffset + length);
      const checksum = crc32(bytes);
      const { path } = this;
      const { ordinal } = passage;
      const { tape } = this.#disk;
      const inFlight = { path, bytes, position, ordinal };
      this.#inode.inFlight.add(inFlight);
      tape?.noteFile(this.#inode, { effect: 'write begins', path, bytes, position, ordinal });
      return this.#disk.later('io', passage.fault, () => {
        this.#inode.inFlight.delete(inFlight);
        tape?.note({ effect: 'write ends', path, ordinal });
        if (crc32(bytes) !== checksum) {
          throw new TypeError(`the buffer of a write to ${this.path} was changed before it ended`);
        }
        this.#write(bytes, position, passage);
      });
    });
  }

  datasync(): Promise<void> {
    return asPromise(() => {
      const passage = this.#pass('datasync', false);
      return this.#disk.later('sync', passage.fault, this.#beginSync(passage));
    });
  }

  datasyncSync(): void {
    this.#beginSync(this.#pass('datasync', true))();
  }

  truncateSync(sizeBytes: number): void {
    checkFileSize(sizeBytes);
    const { fault, ordinal } = this.#pass('truncate', true, sizeBytes);
    if (!this.#writable) throw new SimFsError('EINVAL', 'ftruncate', this.path);
    throwFault(fault, 'truncate', this.path);
    if (!this.#inode.truncate(sizeBytes, ordinal)) {
      throw new SimFsError('ENOSPC', 'ftruncate', this.path);
    }
    const effect = { effect: 'truncate', path: this.path, sizeBytes, ordinal } as const;
    this.#disk.tape?.noteFile(this.#inode, effect);
  }

  sizeSync(): number {
    this.#alive('fstat');
    return this.#inode.size;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    // Gone already if the process it belonged to has ended.
    if (this.#disk.openFiles.delete(this.#handle)) this.#inode.release();
  }

  #write(bytes: Uint8Array, position: number, passage: Passage): void {
    if (!this.#writable) throw new SimFsError('EBADF', 'write', this.path);
    const { fault, ordinal } = passage;
    let from = position;
    let wanted = bytes;
    if (fault?.fault === 'misdirect') from = fault.position;
    else if (fault?.fault === 'short-write') wanted = bytes.subarray(0, fault.writtenBytes);
    else throwFault(fault, 'write', this.path);
    const what = { path: this.path, bytes: wanted, position: from, ordinal };
    const written = this.#disk.write(this.#inode, what);
    if (written < bytes.length) throw new SimFsError('ENOSPC', 'write', this.path);
  }

  /** Answers what ends the sync. */
  #beginSync({ fault, ordinal }: Passage): () => void {
    const mark = this.#inode.journal.mark();
    const { tape } = this.#disk;
    tape?.noteFile(this.#inode, { effect: 'sync begins', path: this.path, ordinal });
    return () => {
      const outcome = syncOutcome(fault);
      tape?.note({ effect: 'sync ends', path: this.path, ordinal, outcome });
      this.#sync(fault, mark);
    };
  }

  #sync(fault: Fault | null, mark: number): void {
    if (fault?.fault === 'lie') return;
    if (fault?.fault === 'error') this.#inode.journal.failed(mark);
    throwFault(fault, 'datasync', this.path);
    this.#inode.journal.synced(mark);
  }

  #pass(kind: OperationKind, blocking: boolean, offset = 0, length = 0): Passage {
    this.#alive(kind);
    return this.#disk.gate.pass(kind, this.path, blocking, offset, length);
  }

  #alive(operation: string): void {
    if (this.#closed) throw new SimFsError('EBADF', operation, this.path);
    if (this.#incarnation !== this.#disk.incarnation) {
      throw new SimFsError('EIO', operation, this.path);
    }
  }
}
