import type { Clock } from '../../clock.js';
import type { SimRandom } from '../random.js';
import type { DiskTape } from './disk-tape.js';
import type { DiskSpace, FileInode, WriteInFlight } from './file-inode.js';
import { SimFsError } from './fs-error.js';
import type { Fault } from './operation.js';
import { OperationGate } from './operation-gate.js';
import { PendingOperations } from './pending-operations.js';

/** One duration, or a range from which each operation draws its own. */
export type DelayMs = number | readonly [leastMs: number, mostMs: number];

export interface SimDiskOptions {
  readonly random: SimRandom;
  readonly clock: Clock | null;
  readonly syncDelayMs: DelayMs;
  readonly ioDelayMs: DelayMs;
  readonly capacityBytes: number;
}

/** An open file, as the disk sees it. */
export interface OpenFile {
  readonly path: string;
  readonly inode: FileInode;
}

/** What the files and the names of one {@link SimFs} share. */
export class SimDisk {
  readonly gate: OperationGate;
  readonly pending: PendingOperations;
  readonly options: SimDiskOptions;
  /** Files that the process has open. */
  readonly openFiles = new Set<OpenFile>();
  space: DiskSpace;
  /** Where what happens is written down, if it is. */
  tape: DiskTape | null = null;
  /** One more after each crash or kill: files of an earlier one are dead. */
  incarnation = 0;
  readonly #delays: SimRandom;

  constructor(options: SimDiskOptions) {
    this.options = options;
    this.space = { capacityBytes: options.capacityBytes, usedBytes: 0 };
    this.pending = new PendingOperations(options.clock);
    this.#delays = options.random.fork('delay');
    this.gate = new OperationGate(() =>
      this.pending.abort(() => new SimFsError('ESIMCRASH', 'wait', '')),
    );
  }

  /** The end of the process, by power loss or a kill. */
  endProcess(): void {
    this.incarnation++;
    for (const { inode } of this.openFiles) inode.release();
    this.openFiles.clear();
    this.gate.reset();
    this.pending.abort(() => new SimFsError('EIO', 'wait', ''));
  }

  /** Writes as much as there is room for; answers how much. */
  write(inode: FileInode, { path, bytes, position, ordinal }: WriteInFlight): number {
    const written = inode.write(bytes, position, ordinal);
    if (this.tape !== null && written > 0) {
      const part = bytes.subarray(0, written);
      this.tape.noteFile(inode, { effect: 'write', path, position, bytes: part, ordinal });
    }
    return written;
  }

  /** Ends an operation that passed the gate after its time. */
  later<T>(kind: 'sync' | 'io', fault: Fault | null, complete: () => T): Promise<T> {
    if (fault?.fault === 'stall') return this.pending.run(null, complete);
    const { syncDelayMs, ioDelayMs } = this.options;
    const usualMs = this.#draw(kind === 'sync' ? syncDelayMs : ioDelayMs);
    return this.pending.run(fault?.fault === 'delay' ? fault.delayMs : usualMs, complete);
  }

  #draw(delay: DelayMs): number {
    if (typeof delay === 'number') return delay;
    return delay[0] + this.#delays.next() * (delay[1] - delay[0]);
  }
}

/** Throws an 'error' fault; refuses faults that mean nothing to this kind of operation. */
export function throwFault(fault: Fault | null, operation: string, path: string): void {
  if (fault === null || fault.fault === 'delay' || fault.fault === 'stall') return;
  if (fault.fault === 'error') throw new SimFsError(fault.code, operation, path);
  throw new TypeError(`the fault '${fault.fault}' means nothing to ${operation} of ${path}`);
}

/** What a sync that met this fault comes to. */
export function syncOutcome(fault: Fault | null): 'done' | 'failed' | 'lied' {
  if (fault?.fault === 'lie') return 'lied';
  return fault?.fault === 'error' ? 'failed' : 'done';
}

/** Runs what may throw at once; answers a promise in any case. */
export function asPromise<T>(start: () => Promise<T>): Promise<T> {
  try {
    return start();
  } catch (error) {
    return Promise.reject(error);
  }
}
