import type { FileLock, FileSystem, Random } from '@dougdb/ports';
import { codeOf, fromFsError, MemberError, MemberErrorCode } from '../member-error.js';
import { type DataDirLayout, layoutOf, parentOf } from './layout.js';
import {
  decodeNodeFile,
  encodeNodeFile,
  type NodeIdentity,
  type StoredMembership,
} from './node-file-format.js';

/** Names that may stand in a directory before it becomes ours. */
const HARMLESS = new Set(['LOCK', 'NODE.new', 'lost+found']);

/** A data directory that this process holds: its lock, its layout and the identity of the node. */
export class DataDir {
  readonly layout: DataDirLayout;
  readonly #fs: FileSystem;
  readonly #lock: FileLock;
  #identity: NodeIdentity;

  private constructor(
    fs: FileSystem,
    layout: DataDirLayout,
    lock: FileLock,
    identity: NodeIdentity,
  ) {
    this.#fs = fs;
    this.layout = layout;
    this.#lock = lock;
    this.#identity = identity;
  }

  /**
   * Makes the directory if it is missing, takes its lock, and reads who it is; an empty one gets its
   * uuid. Nothing else is opened.
   * @throws MemberError
   */
  static async open(fs: FileSystem, root: string, random: Random): Promise<DataDir> {
    const layout = layoutOf(root);
    makeDir(fs, root);
    const lock = await takeLock(fs, layout);
    try {
      if (fs.stat(layout.nodeFileNew) !== null) fs.remove(layout.nodeFileNew);
      const identity = readIdentity(fs, layout);
      const dir = new DataDir(
        fs,
        layout,
        lock,
        identity ?? { uuid: random.bytes(16), membership: null },
      );
      if (identity === null || identity.membership === null) await syncParents(fs, root);
      if (identity === null) await dir.#save();
      await dir.#prepare();
      return dir;
    } catch (error) {
      await lock.release();
      throw wrap(error, `opening the data directory ${root}`);
    }
  }

  get identity(): NodeIdentity {
    return this.#identity;
  }

  /**
   * Makes the genesis record durable. Nobody hears of the record
   * from here before this has resolved.
   * @throws MemberError
   */
  async join(membership: StoredMembership): Promise<void> {
    if (this.#identity.membership !== null) {
      throw new MemberError(MemberErrorCode.Internal, 'this node already belongs to a cluster');
    }
    const before = this.#identity;
    this.#identity = { uuid: before.uuid, membership };
    try {
      await this.#save();
    } catch (error) {
      this.#identity = before;
      throw wrap(error, `writing ${this.layout.nodeFile}`);
    }
  }

  async release(): Promise<void> {
    await this.#lock.release();
  }

  /** Replaces NODE: new file, its data, its name. */
  async #save(): Promise<void> {
    const { nodeFile, nodeFileNew, root } = this.layout;
    const bytes = encodeNodeFile(this.#identity);
    if (this.#fs.stat(nodeFileNew) !== null) this.#fs.remove(nodeFileNew);
    const file = this.#fs.open(nodeFileNew, 'create');
    try {
      file.writeSync(bytes, 0, bytes.length, 0);
      await file.datasync();
    } finally {
      file.close();
    }
    this.#fs.rename(nodeFileNew, nodeFile);
    await this.#fs.syncDir(root);
  }

  /** The directories, durable by name. A member must have those that hold its promises. */
  async #prepare(): Promise<void> {
    const { raftMeta, wal, partitions, staging, quarantine, trash, root } = this.layout;
    if (this.#identity.membership !== null) {
      // INVARIANT(vote-durable): a vote that got lost may be given a second time (S1).
      this.#mustBe(raftMeta, 'the votes of this node', false);
      this.#mustBe(wal, 'the entries of this node', true);
    }
    for (const path of [raftMeta, wal, partitions, staging, quarantine, trash]) {
      this.#fs.mkdir(path);
    }
    await this.#fs.syncDir(root);
  }

  #mustBe(path: string, what: string, withFiles: boolean): void {
    const isThere = this.#fs.stat(path)?.kind === 'directory';
    // A WAL has a segment from its first opening on. Hard states are the host's: none is made before
    // the first vote, and that one is missing is noticed by its replica.
    if (isThere && (!withFiles || this.#fs.list(path).length > 0)) return;
    throw new MemberError(
      MemberErrorCode.Corrupt,
      `${path} is ${isThere ? 'empty' : 'missing'}: ${what} are lost; replace this node by an empty one`,
    );
  }
}

function makeDir(fs: FileSystem, root: string): void {
  try {
    const stat = fs.stat(root);
    if (stat === null) fs.mkdir(root);
    else if (stat.kind !== 'directory') {
      throw new MemberError(MemberErrorCode.Access, `${root} is not a directory`);
    }
  } catch (error) {
    throw wrap(error, `making the data directory ${root}`);
  }
}

/**
 * Makes the name of the directory durable, and those of the parents that mkdir may have made: in this
 * start, or in one that crashed before it came here.
 */
async function syncParents(fs: FileSystem, root: string): Promise<void> {
  for (let path = parentOf(root); ; path = parentOf(path)) {
    try {
      await fs.syncDir(path);
    } catch (error) {
      // A directory that we may not open is none that we made.
      if (codeOf(error) === 'EACCES' || codeOf(error) === 'EPERM') return;
      throw error;
    }
    if (path === parentOf(path)) return;
  }
}

async function takeLock(fs: FileSystem, layout: DataDirLayout): Promise<FileLock> {
  try {
    return await fs.lock(layout.lock);
  } catch (error) {
    throw wrap(error, `locking the data directory ${layout.root}`);
  }
}

function readIdentity(fs: FileSystem, layout: DataDirLayout): NodeIdentity | null {
  const { nodeFile, root } = layout;
  if (fs.stat(nodeFile) === null) {
    // Our own first file is NODE: whatever else stands here, another program or a loss put it so.
    const others = fs.list(root).filter((name) => !HARMLESS.has(name));
    if (others.length === 0) return null;
    throw new MemberError(
      MemberErrorCode.Foreign,
      `${root} holds ${others.slice(0, 3).join(', ')} but no NODE file: not an empty directory and not a data directory`,
    );
  }
  const file = fs.open(nodeFile, 'read');
  try {
    const bytes = new Uint8Array(file.sizeSync());
    const count = file.readSync(bytes, 0, bytes.length, 0);
    return decodeNodeFile(bytes.subarray(0, count), nodeFile);
  } finally {
    file.close();
  }
}

function wrap(error: unknown, doing: string): unknown {
  return codeOf(error).startsWith('MEMBER_') ? error : fromFsError(error, doing);
}
