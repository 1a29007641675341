import { crc32 } from '../../crc32.js';
import type { File, FileLock, FileStat, FileSystem, OpenMode } from '../../file-system.js';
import { SimRandom } from '../random.js';
import type { DirectoryInode, Inode } from './directory-inode.js';
import { DiskTape } from './disk-tape.js';
import { KEEP_EVERYTHING } from './file-crash.js';
import type { DiskSpace, FileInode } from './file-inode.js';
import { SimFsError } from './fs-error.js';
import { NameTree } from './name-tree.js';
import type { Fault, OperationHook, OperationKind, OperationMatch, Verdict } from './operation.js';
import type { Passage } from './operation-gate.js';
import { normalize, walk } from './path-lookup.js';
import { Recording } from './recording.js';
import { asPromise, SimDisk, syncOutcome, throwFault } from './sim-disk.js';
import { SimFile } from './sim-file.js';
import type { CrashOptions, SimFsOptions } from './sim-fs-options.js';
import { treeAfterCrash } from './tree-crash.js';
import { randomKeep } from './unsynced-part.js';

const DEFAULT_CAPACITY_BYTES = 2 ** 40;
const DEFAULT_SECTOR_BYTES = 512;

/**
 * A file system in memory that forgets what was not synced. See {@link FileSystem} for the rules it
 * holds its user to, the README for what its crashes promise.
 *
 * Calls are synchronous inside; time passes only in asynchronous ones. Everything is determined by
 * the seed and the order of the calls.
 */
export class SimFs implements FileSystem {
  readonly #disk: SimDisk;
  readonly #random: SimRandom;
  readonly #locks = new Map<Inode, FileLock>();
  #tree: NameTree;
  #clones = 0;

  constructor(options: SimFsOptions = {}) {
    this.#random = (options.random ?? new SimRandom(1)).fork('fs');
    this.#disk = new SimDisk({
      random: this.#random,
      clock: options.clock ?? null,
      syncDelayMs: options.syncDelayMs ?? 0.5,
      ioDelayMs: options.ioDelayMs ?? 0.05,
      capacityBytes: options.capacityBytes ?? DEFAULT_CAPACITY_BYTES,
    });
    this.#tree = new NameTree(this.#disk.space);
  }

  open(path: string, mode: OpenMode): File {
    const at = normalize(path);
    const ordinal = this.#enter(mode === 'create' ? 'create' : 'open', at);
    const inode = mode === 'create' ? this.#create(at, ordinal) : this.#tree.file(at);
    return new SimFile(this.#disk, inode, at, mode);
  }

  /** One 'mkdir' operation for each directory that is missing, parents first. */
  mkdir(path: string): void {
    const names = normalize(path).split('/').slice(1);
    for (let depth = 1; depth <= names.length; depth++) {
      const at = `/${names.slice(0, depth).join('/')}`;
      const found = this.#tree.find(at);
      if (found?.kind === 'directory') continue;
      const ordinal = this.#enter('mkdir', at);
      if (found?.kind === 'file') {
        throw new SimFsError(depth === names.length ? 'EEXIST' : 'ENOTDIR', 'mkdir', at);
      }
      this.#tree.mkdir(at, ordinal);
      this.#disk.tape?.note({ effect: 'mkdir', path: at, ordinal });
    }
  }

  list(path: string): string[] {
    const at = normalize(path);
    this.#enter('list', at);
    return [...this.#tree.directory(at, 'list').names.keys()].sort();
  }

  stat(path: string): FileStat | null {
    const at = normalize(path);
    this.#enter('stat', at);
    const inode = this.#tree.find(at);
    if (inode === null) return null;
    return { kind: inode.kind, sizeBytes: inode.kind === 'file' ? inode.size : 0 };
  }

  rename(from: string, to: string): void {
    const [fromAt, toAt] = [normalize(from), normalize(to)];
    const ordinal = this.#enter('rename', fromAt, toAt);
    this.#tree.rename(fromAt, toAt, ordinal);
    this.#disk.tape?.note({ effect: 'rename', path: fromAt, toPath: toAt, ordinal });
  }

  link(existing: string, path: string): void {
    const [fromAt, toAt] = [normalize(existing), normalize(path)];
    const ordinal = this.#enter('link', fromAt, toAt);
    this.#tree.link(fromAt, toAt, ordinal);
    this.#disk.tape?.note({ effect: 'link', path: fromAt, toPath: toAt, ordinal });
  }

  remove(path: string): void {
    const at = normalize(path);
    const ordinal = this.#enter('remove', at);
    this.#tree.unlink(at, ordinal);
    this.#disk.tape?.note({ effect: 'remove', path: at, ordinal });
  }

  /** One 'remove' operation for each name, leaves first: a crash may stop anywhere between. */
  removeTree(path: string): void {
    const at = normalize(path);
    const found = this.#tree.find(at);
    if (found === null) return;
    for (const [below] of [...walk(found, at)].reverse()) {
      const ordinal = this.#enter('remove', below);
      this.#tree.drop(below, ordinal);
      this.#disk.tape?.note({ effect: 'remove', path: below, ordinal });
    }
  }

  syncDir(path: string): Promise<void> {
    return asPromise(() => {
      const at = normalize(path);
      const passage = this.#disk.gate.pass('syncDir', at, false);
      const end = this.#beginSyncDir(at, passage);
      return this.#disk.later('sync', passage.fault, end);
    });
  }

  syncDirSync(path: string): void {
    const at = normalize(path);
    this.#beginSyncDir(at, this.#disk.gate.pass('syncDir', at, true))();
  }

  freeBytes(path: string): number {
    const at = normalize(path);
    this.#enter('freeBytes', at);
    if (this.#tree.find(at) === null) throw new SimFsError('ENOENT', 'statfs', at);
    const { capacityBytes, usedBytes } = this.#disk.space;
    return Math.max(0, capacityBytes - usedBytes);
  }

  lock(path: string): Promise<FileLock> {
    return asPromise(() => {
      const at = normalize(path);
      const { fault, ordinal } = this.#disk.gate.pass('lock', at, false);
      return this.#disk.later('io', fault, () => {
        throwFault(fault, 'lock', at);
        return this.#lock(at, ordinal);
      });
    });
  }

  /** Operations so far, all kinds. The next one has this ordinal plus one. */
  get operationCount(): number {
    return this.#disk.gate.count;
  }

  /** Operations so far that a power loss just before or just after can tell apart. */
  get mutationCount(): number {
    return this.#disk.gate.mutations;
  }

  /** True once a planned crash has happened: everything throws ESIMCRASH until {@link crash}. */
  get crashed(): boolean {
    return this.#disk.gate.crashed;
  }

  /** Paths of the files that are open, as they were opened: empty after everything was closed. */
  get openPaths(): string[] {
    return [...this.#disk.openFiles].map(({ path }) => path);
  }

  /** Operations that a 'stall' holds back. */
  get stalledCount(): number {
    return this.#disk.pending.stalledCount;
  }

  /** Sees, and may fail, every operation that no rule of {@link failNext} caught. null: none. */
  onOperation(hook: OperationHook | null): void {
    this.#disk.gate.hook = hook;
  }

  /** The next operations that match, `times` of them, meet this fault. */
  failNext(match: OperationMatch, fault: Exclude<Verdict, 'ok'>, times = 1): void {
    this.#disk.gate.addRule(match, fault, times);
  }

  /** Lets stalled operations end, in order. */
  releaseStalled(): void {
    this.#disk.pending.release();
  }

  /**
   * The power fails just before the operation with this ordinal: it and all later ones throw
   * ESIMCRASH, what is under way is rejected so, and the state stays as it is for
   * {@link crashClone}.
   */
  crashAtOperation(ordinal: number): void {
    this.#disk.gate.crashAt(ordinal, Number.POSITIVE_INFINITY);
  }

  /** As {@link crashAtOperation}, counting only what {@link mutationCount} counts. */
  crashAtMutation(ordinal: number): void {
    this.#disk.gate.crashAt(Number.POSITIVE_INFINITY, ordinal);
  }

  /**
   * Power loss and restart. What was under way is rejected with EIO, open files throw EIO from now
   * on, locks are free, planned faults are forgotten; the hook and the counts stay.
   */
  crash(options: CrashOptions = {}): void {
    const space = { capacityBytes: this.#disk.space.capacityBytes, usedBytes: 0 };
    const name = `crash${this.#disk.incarnation}`;
    const tree = this.#afterCrash(this.#tree.root, space, options, name);
    this.#endProcess();
    this.#tree = tree;
    this.#disk.space = space;
    this.#disk.tape = null;
    if (options.clock !== undefined) this.#disk.pending.clock = options.clock;
  }

  /** A new file system as the disk would be after a power loss now. This one does not notice. */
  crashClone(options: CrashOptions = {}): SimFs {
    return this.#clone(this.#tree.root, options);
  }

  /**
   * Writes down from now on what happens to the disk, until {@link crash} or the next call: to look at every
   * moment of a run afterwards. What is there now counts as durable. Planned crashes, errors and kill() may
   * come in it. Keeps all bytes that are written.
   */
  record(): Recording {
    const space = { capacityBytes: Number.MAX_SAFE_INTEGER, usedBytes: 0 };
    const base = treeAfterCrash(this.#tree.root, space, KEEP_EVERYTHING);
    const tape = new DiskTape(this.#tree.root);
    this.#disk.tape = tape;
    return new Recording(tape, base, (root, options) => this.#clone(root, options));
  }

  /**
   * The process dies, the machine lives (kill -9): files and locks as after {@link crash}, but the
   * data stays, synced or not. A write that was under way has happened or not.
   */
  kill(): void {
    const random = this.#random.fork(`kill${this.#disk.incarnation}`);
    this.#endProcess();
    for (const [, inode] of walk(this.#tree.root, '/')) {
      if (inode.kind === 'directory') continue;
      for (const write of inode.inFlight) {
        if (random.chance(0.5)) this.#disk.write(inode, write);
        this.#disk.tape?.note({ effect: 'write ends', path: write.path, ordinal: write.ordinal });
      }
      inode.inFlight.clear();
    }
  }

  /** Makes the disk larger, or smaller: full at once if it holds more than that. */
  setCapacity(capacityBytes: number): void {
    this.#disk.space.capacityBytes = capacityBytes;
  }

  /** Bit rot: changes one byte of a file, on the disk too. @throws ENOENT, RangeError past its end */
  corrupt(path: string, byteOffset: number, xorMask: number): void {
    const at = normalize(path);
    const inode = this.#tree.file(at);
    if (!(byteOffset >= 0 && byteOffset < inode.size)) {
      throw new RangeError(`${path} has no byte at ${byteOffset}`);
    }
    inode.flip(byteOffset, xorMask);
    const effect = { effect: 'corrupt', path: at, byteOffset, xorMask, ordinal: 0 } as const;
    this.#disk.tape?.noteFile(inode, effect);
  }

  /** A copy of a file's bytes as read now. Not an operation. @throws ENOENT, EISDIR */
  contents(path: string): Uint8Array {
    return this.#tree.file(normalize(path)).bytes.slice();
  }

  /** Puts a durable file there, or in the place of what is there. Not an operation. */
  plant(path: string, bytes: Uint8Array): void {
    const at = normalize(path);
    this.#tree.plant(at, bytes.slice());
    const effect = { effect: 'plant', path: at, bytes, ordinal: 0 } as const;
    this.#disk.tape?.noteFile(this.#tree.file(at), effect);
  }

  /** A line for each name: path, kind, size and CRC-32 of the bytes. */
  dump(): string {
    return this.#tree.dump(checksum);
  }

  /** Of all names and bytes, and of what is durable of them. */
  hash(): string {
    const model = { keep: () => false, sectorBytes: DEFAULT_SECTOR_BYTES, garbage: null };
    const durable = treeAfterCrash(this.#tree.root, { ...this.#disk.space }, model);
    const durableDump = new NameTree(this.#disk.space, durable).dump(checksum);
    return checksum(new TextEncoder().encode(`${this.dump()}\n${durableDump}`));
  }

  #clone(root: DirectoryInode, options: CrashOptions): SimFs {
    const name = `clone${this.#clones++}`;
    const { clock: _, ...rest } = this.#disk.options;
    const clock = options.clock ?? this.#disk.pending.clock;
    const { capacityBytes } = this.#disk.space;
    const random = this.#random.fork(name);
    const clone = new SimFs({ ...rest, ...(clock ? { clock } : {}), capacityBytes, random });
    clone.#tree = this.#afterCrash(root, clone.#disk.space, options, name);
    return clone;
  }

  #afterCrash(
    before: DirectoryInode,
    space: DiskSpace,
    options: CrashOptions,
    name: string,
  ): NameTree {
    const random = this.#random.fork(name);
    const root = treeAfterCrash(before, space, {
      keep: options.keep ?? randomKeep(random.fork('keep'), options.keepUnsyncedPercent ?? 0),
      sectorBytes: options.sector ?? DEFAULT_SECTOR_BYTES,
      garbage: options.garbage === true ? random.fork('garbage') : null,
    });
    return new NameTree(space, root);
  }

  #endProcess(): void {
    this.#locks.clear();
    this.#disk.endProcess();
  }

  /** Answers the ordinal. @throws what the hook or a rule says */
  #enter(kind: OperationKind, path: string, toPath = ''): number {
    const { fault, ordinal } = this.#disk.gate.pass(kind, path, true, 0, 0, toPath);
    throwFault(fault, kind, path);
    return ordinal;
  }

  #create(path: string, ordinal: number): FileInode {
    const inode = this.#tree.create(path, ordinal);
    this.#disk.tape?.noteFile(inode, { effect: 'create', path, ordinal });
    return inode;
  }

  /** Answers what ends the sync. */
  #beginSyncDir(path: string, { fault, ordinal }: Passage): () => void {
    const directory = this.#tree.directory(path, 'syncDir');
    const mark = directory.mark();
    const { tape } = this.#disk;
    tape?.noteSyncDir(path, ordinal);
    return () => {
      tape?.note({ effect: 'sync ends', path, ordinal, outcome: syncOutcome(fault) });
      endSyncDir(directory, mark, fault, path);
    };
  }

  #lock(path: string, ordinal: number): FileLock {
    const inode = this.#tree.find(path) ?? this.#create(path, ordinal);
    if (this.#locks.has(inode)) throw new SimFsError('ELOCKED', 'lock', path);
    const lock: FileLock = {
      release: async () => {
        if (this.#locks.get(inode) === lock) this.#locks.delete(inode);
      },
    };
    this.#locks.set(inode, lock);
    return lock;
  }
}

function endSyncDir(
  directory: DirectoryInode,
  mark: number,
  fault: Fault | null,
  path: string,
): void {
  if (fault?.fault === 'lie') return;
  if (fault?.fault === 'error') directory.failed(mark);
  throwFault(fault, 'syncDir', path);
  directory.synced(mark);
}

function checksum(bytes: Uint8Array): string {
  return crc32(bytes).toString(16).padStart(8, '0');
}
