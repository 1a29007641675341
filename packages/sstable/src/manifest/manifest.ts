import type { FileSystem } from '@dougdb/ports';
import { RecordLog } from '@dougdb/wal';
import { SstError, SstErrorCode } from '../contract.js';
import { isNoSpace, toSstError } from '../encoding/error-code.js';
import type { DescriptorHolder, OpenFiles } from '../open-files.js';
import type { CurrentManifest } from './current-manifest.js';
import { join, manifestName, markerName } from './file-names.js';
import { RECORD_IDENTITY } from './manifest-reader.js';
import { applyEdit, fullEdit, type ManifestState } from './manifest-state.js';
import { removeFile } from './remove-file.js';
import { encodeEdit, type VersionEdit } from './version-edit.js';

/** Edits that a manifest may gather behind its first one before a new one is made. */
const ROTATE_BYTES = 4 * 1024 * 1024;

const EMPTY_RECORD = new Uint8Array(0);

export interface ManifestOptions {
  readonly fs: FileSystem;
  readonly dir: string;
  readonly identity: Uint8Array;
  readonly state: ManifestState;
  /** null in a database that is being made. */
  readonly current: CurrentManifest | null;
  /** Called when a new manifest counts: the old one, null if there was none, may be removed. */
  readonly onRotated: (old: CurrentManifest | null) => void;
  /** Left out or null: the file stays open. */
  readonly openFiles?: OpenFiles | null;
}

/**
 * The durable truth of a database: which tables make it up and which host state they hold.
 *
 * An edit counts when it is synced, and only then becomes the state here. A manifest whose write or
 * sync failed is never written again, for nobody knows what of it is on the disk: for want of space the
 * next commit makes a new one; any other failure is the end (`isFailed`). Where others need the descriptor
 * it is given back between two commits, and the next one makes a new manifest, too.
 *
 * A new manifest comes to count in this order: file with the whole state, synced; its name (sync of the
 * directory); the marker that names it; the marker's name; only then the old marker and manifest are
 * removed. A crash between any two leaves one manifest that counts: the one with the highest marker.
 */
export class Manifest implements DescriptorHolder {
  readonly #fs: FileSystem;
  readonly #dir: string;
  readonly #identity: Uint8Array;
  readonly #onRotated: (old: CurrentManifest | null) => void;
  readonly #openFiles: OpenFiles | null;
  #isCommitting = false;
  #state: ManifestState;
  #current: CurrentManifest | null;
  #nextFileNumber: number;
  #nextIteration: number;
  /** Open for appends; null: the next commit makes a new manifest. */
  #log: RecordLog | null = null;
  #firstEditBytes = 0;
  #rotations = 0;
  #isFailed = false;
  #last: Promise<void> = Promise.resolve();

  /** The first commit makes a new manifest; nothing is written before. */
  constructor(options: ManifestOptions) {
    this.#fs = options.fs;
    this.#dir = options.dir;
    this.#identity = options.identity;
    this.#onRotated = options.onRotated;
    this.#openFiles = options.openFiles ?? null;
    this.#state = options.state;
    this.#current = options.current;
    this.#nextFileNumber = options.state.nextFileNumber;
    this.#nextIteration = (options.current?.iteration ?? 0) + 1;
  }

  /** After the last durable edit. */
  get state(): ManifestState {
    return this.#state;
  }

  get current(): CurrentManifest | null {
    return this.#current;
  }

  get rotations(): number {
    return this.#rotations;
  }

  /** True after a failure that leaves the disk's state unknown: the process must end. */
  get isFailed(): boolean {
    return this.#isFailed;
  }

  /** A number for a new file, never given before. */
  nextFileNumber(): number {
    return this.#nextFileNumber++;
  }

  /**
   * Makes an edit durable, then calls `install` in the same turn in which the state here changes.
   * Commits take effect one after the other.
   * @throws SstError SST_NO_SPACE: nothing is promised, the same edit may be tried again, and the tables
   * that it names must stay; SST_IO: `isFailed`
   */
  commit(edit: VersionEdit, install: () => void): Promise<void> {
    const result = this.#last.then(() => this.#commit(edit, install));
    this.#last = result.catch(() => {
      // The caller has the error; the commit behind it only needs its turn.
    });
    return result;
  }

  /**
   * The disk has failed in another place, so that nobody knows what it holds: nothing is installed any more, not
   * even an edit that is on its way.
   */
  giveUp(): void {
    this.#isFailed = true;
  }

  /**
   * Gives the manifest that counts another marker. The name of the one it has may be in doubt (the process before may
   * have ended because it could not sync it, and no later sync does what a failed one should have done), and
   * with it which manifest a power loss leaves. A link takes no space: this is for a full disk, on which no new
   * manifest can be made.
   * @throws SstError SST_IO, SST_NO_SPACE
   */
  async renewMarker(): Promise<void> {
    const old = this.#current;
    if (old === null) return;
    const iteration = this.#nextIteration++;
    const path = join(this.#dir, markerName(old.iteration, old.number));
    try {
      this.#fs.link(path, join(this.#dir, markerName(iteration, old.number)));
      await this.#syncDir();
    } catch (error) {
      throw toSstError(error, `renewing the marker in ${this.#dir}`, this.#dir);
    }
    this.#current = { number: old.number, iteration };
    removeFile(this.#fs, path);
  }

  /** Waits for a running commit and closes the file. */
  async close(): Promise<void> {
    await this.#last;
    this.#openFiles?.closed(this);
    this.release();
  }

  /** What is in the file is durable but for the last empty record, which nobody misses. */
  release(): void {
    if (this.#isCommitting) return;
    this.#log?.close();
    this.#log = null;
  }

  async #commit(edit: VersionEdit, install: () => void): Promise<void> {
    this.#checkNotFailed();
    const next = applyEdit(this.#state, { ...edit, nextFileNumber: this.#nextFileNumber });
    this.#isCommitting = true;
    try {
      const record = encodeEdit({ ...edit, nextFileNumber: this.#nextFileNumber });
      const log = this.#log;
      const isFull = log !== null && log.sizeBytes - this.#firstEditBytes > ROTATE_BYTES;
      if (log === null || isFull) await this.#rotate(next);
      else {
        log.append(record);
        await log.sync();
      }
      // The disk may have failed elsewhere meanwhile (see giveUp).
      this.#checkNotFailed();
    } catch (error) {
      this.#log?.close();
      this.#log = null;
      if (!isNoSpace(error)) this.#isFailed = true;
      throw toSstError(error, `writing the manifest in ${this.#dir}`, this.#dir);
    } finally {
      this.#isCommitting = false;
    }
    this.#state = next;
    install();
    this.#promise();
    if (this.#log !== null) this.#openFiles?.used(this);
  }

  /**
   * Writes an empty record, unsynced, behind the edit that has just been made durable: its frame tells a
   * later reader so. Without it rot in the last edit would look like a write that a crash cut off, and the
   * edit would be dropped. Lost in a crash, it is not missed.
   */
  #promise(): void {
    try {
      this.#log?.append(EMPTY_RECORD);
    } catch {
      // The edit stands. The log has ended, as after any failed write: the next commit makes a new one.
      this.#log?.close();
      this.#log = null;
    }
  }

  async #rotate(state: ManifestState): Promise<void> {
    const number = this.nextFileNumber();
    const path = join(this.#dir, manifestName(number));
    const full = { ...state, nextFileNumber: this.#nextFileNumber };
    let log: RecordLog | null = null;
    const iteration = this.#nextIteration++;
    try {
      log = RecordLog.create(this.#fs, path, RECORD_IDENTITY);
      log.append(encodeEdit(fullEdit(full, this.#identity, number)));
      await log.sync();
      await this.#syncDir();
      this.#fs.open(join(this.#dir, markerName(iteration, number)), 'create').close();
      await this.#syncDir();
      // Else the old manifest would go, on the word of a directory of which nobody knows what it holds.
      this.#checkNotFailed();
    } catch (error) {
      log?.close();
      // No marker names it; but where a sync failed, nobody knows what the disk says.
      if (!this.#isFailed) removeFile(this.#fs, path);
      throw error;
    }
    const old = this.#current;
    this.#log?.close();
    this.#log = log;
    this.#firstEditBytes = log.sizeBytes;
    this.#current = { number, iteration };
    this.#rotations++;
    this.#onRotated(old);
  }

  #checkNotFailed(): void {
    if (this.#isFailed) throw new SstError(SstErrorCode.Io, 'the manifest has failed before');
  }

  /** A directory that could not be synced leaves names in doubt: never a matter of space. */
  async #syncDir(): Promise<void> {
    try {
      await this.#fs.syncDir(this.#dir);
    } catch (error) {
      this.#isFailed = true;
      throw error;
    }
  }
}
