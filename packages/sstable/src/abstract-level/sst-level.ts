import {
  type AbstractBatchOperation,
  type AbstractChainedBatch,
  AbstractLevel,
  type AbstractReadOptions,
  type AbstractSnapshot,
  type Transcoder,
} from 'abstract-level';
import { WriteBatch } from '../batch/write-batch.js';
import type { Found, MaybePromise, RangeOptions } from '../contract.js';
import { destroyEmbedded } from '../embedded/destroy.js';
import { EmbeddedDb, type EmbeddedStats } from '../embedded/embedded-db.js';
import type { Snapshot } from '../read/snapshot.js';
import { clearRange, type EncodedClearOptions } from './clear-range.js';
import { type Data, type DataFormat, fromOwnBytes, toBytes, toOwnBytes } from './data-format.js';
import { LevelError, toLevelError } from './level-error.js';
import { type EncodedIteratorOptions, LevelIterator } from './level-iterator.js';
import {
  type AdditionalWriteOptions,
  type BatchOptions,
  type DatabaseOptions,
  type DelOptions,
  embeddedOptions,
  type LevelPorts,
  type OpenOptions,
  type PutOptions,
  type StartEndOptions,
} from './level-options.js';
import { levelProperty } from './level-property.js';
import { LevelSnapshot } from './level-snapshot.js';
import { nodePorts } from './node-ports.js';
import { toRange } from './range.js';
import { TurnMeter } from './turn-meter.js';

/** What the suite and users may rely on: the same as classic-level 3. */
const MANIFEST = {
  encodings: { buffer: true, utf8: true, view: true },
  has: true,
  createIfMissing: true,
  errorIfExists: true,
  explicitSnapshots: true,
  getSync: true,
  additionalMethods: { approximateSize: true, compactRange: true },
  signals: { iterators: true },
};

interface EncodedReadOptions extends AbstractReadOptions {
  readonly keyEncoding: DataFormat;
  readonly valueEncoding: DataFormat;
}

interface EncodedOperation {
  readonly type: 'put' | 'del';
  readonly key: Data;
  readonly value?: Data;
}

/**
 * An `abstract-level` database on an {@link EmbeddedDb}: for programs that use classic-level or another
 * database of that family.
 */
export class SstLevel<KDefault = string, VDefault = string> extends AbstractLevel<
  Data,
  KDefault,
  VDefault
> {
  readonly #location: string;
  readonly #ports: LevelPorts;
  readonly #meter: TurnMeter;
  #db: EmbeddedDb | null = null;

  /** @param location directory of the database */
  constructor(location: string, options: DatabaseOptions<KDefault, VDefault> = {}) {
    if (typeof location !== 'string' || location === '') {
      throw new TypeError("the first argument 'location' must be a non-empty string");
    }
    const { ports = nodePorts(), ...rest } = options ?? {};
    super(MANIFEST, rest);
    this.#location = location;
    this.#ports = ports;
    this.#meter = new TurnMeter(ports.clock);
  }

  /** Directory of the database. */
  get location(): string {
    return this.#location;
  }

  /** As in abstract-level, with the options of this database. */
  override open(options: OpenOptions = {}): Promise<void> {
    return super.open(options);
  }

  /** As in abstract-level, and with `sync`. */
  override put(key: KDefault, value: VDefault): Promise<void>;
  override put<K = KDefault, V = VDefault>(
    key: K,
    value: V,
    options: PutOptions<K, V>,
  ): Promise<void>;
  override put(
    key: KDefault,
    value: VDefault,
    options?: PutOptions<KDefault, VDefault>,
  ): Promise<void> {
    return super.put(key, value, options as PutOptions<KDefault, VDefault>);
  }

  /** As in abstract-level, and with `sync`. */
  override del(key: KDefault): Promise<void>;
  override del<K = KDefault>(key: K, options: DelOptions<K>): Promise<void>;
  override del(key: KDefault, options?: DelOptions<KDefault>): Promise<void> {
    return super.del(key, options as DelOptions<KDefault>);
  }

  /** As in abstract-level, and with `sync`. All of it takes effect or nothing. */
  override batch(): AbstractChainedBatch<this, KDefault, VDefault>;
  override batch(operations: AbstractBatchOperation<this, KDefault, VDefault>[]): Promise<void>;
  override batch<K = KDefault, V = VDefault>(
    operations: AbstractBatchOperation<this, K, V>[],
    options: BatchOptions<K, V>,
  ): Promise<void>;
  override batch(
    ...args:
      | []
      | [
          operations: AbstractBatchOperation<this, KDefault, VDefault>[],
          options?: BatchOptions<KDefault, VDefault>,
        ]
  ): AbstractChainedBatch<this, KDefault, VDefault> | Promise<void> {
    // An argument that is undefined is not the same as none.
    if (args.length === 0) return super.batch();
    return super.batch(args[0], args[1] as BatchOptions<KDefault, VDefault>);
  }

  /**
   * Bytes of files that hold the keys from `start` up to, without, `end`, to about a block at each end. What
   * is in memory alone does not count.
   */
  async approximateSize<K = KDefault>(
    start: K,
    end: K,
    options: StartEndOptions<K> = {},
  ): Promise<number> {
    if (start === undefined || end === undefined) throw new TypeError(NEEDS_START_AND_END);
    if (this.status === 'opening') {
      return this.deferAsync(() => this.approximateSize(start, end, options));
    }
    return this.#guarded(async (db) => db.approximateSize(this.#encodedRange(start, end, options)));
  }

  /** Compacts the keys from `start` up to, without, `end`: what is superseded and deleted goes. */
  async compactRange<K = KDefault>(
    start: K,
    end: K,
    options: StartEndOptions<K> = {},
  ): Promise<void> {
    if (start === undefined || end === undefined) throw new TypeError(NEEDS_START_AND_END);
    if (this.status === 'opening') {
      return this.deferAsync(() => this.compactRange(start, end, options));
    }
    return this.#guarded((db) => db.compactRange(this.#encodedRange(start, end, options)));
  }

  /** What LevelDB tells by this name, as far as it has a meaning here; '' for other names. */
  getProperty(name: string): string {
    if (typeof name !== 'string') {
      throw new TypeError("the first argument 'name' must be a string");
    }
    return levelProperty(name, this.#open().stats()) ?? '';
  }

  /** What the database is made of at this moment. */
  stats(): EmbeddedStats {
    return this.#open().stats();
  }

  /** Removes a database that nobody has open: its files, and the directory if nothing else is in it. */
  static async destroy(location: string, ports: LevelPorts = nodePorts()): Promise<void> {
    try {
      await destroyEmbedded(ports.fs, location);
    } catch (error) {
      throw toLevelError(error);
    }
  }

  // What abstract-level calls: arguments are checked and encoded.

  async _open(options: OpenOptions): Promise<void> {
    try {
      this.#db = await EmbeddedDb.open(embeddedOptions(this.#location, this.#ports, options));
    } catch (error) {
      throw toLevelError(error);
    }
    // It was to be there already and was not to be.
    if (options.createIfMissing === false && options.errorIfExists === true) {
      await this._close();
      throw new LevelError('LEVEL_DATABASE_EXISTS', `${this.#location} exists`);
    }
  }

  async _close(): Promise<void> {
    const db = this.#db;
    this.#db = null;
    try {
      await db?.close();
    } catch {
      // It is closed all the same. What could not be synced was never promised to be: who wrote with
      // `sync` has been told.
    }
  }

  _get(key: Data, options: EncodedReadOptions): Promise<Data | undefined> {
    return this.#guarded(async (db) => {
      const found = await this.#look(db, key, 'value', LevelSnapshot.inside(options.snapshot));
      return found === null ? undefined : fromOwnBytes(found.value, options.valueEncoding);
    });
  }

  _getSync(key: Data, options: EncodedReadOptions): Data | undefined {
    try {
      const found = this.#open().getSync(toBytes(key), LevelSnapshot.inside(options.snapshot));
      return found === null ? undefined : fromOwnBytes(found.value, options.valueEncoding);
    } catch (error) {
      throw toLevelError(error);
    }
  }

  _getMany(keys: readonly Data[], options: EncodedReadOptions): Promise<(Data | undefined)[]> {
    return this.#lookMany(keys, 'value', options, (found) =>
      found === null ? undefined : fromOwnBytes(found.value, options.valueEncoding),
    );
  }

  _has(key: Data, options: EncodedReadOptions): Promise<boolean> {
    const snapshot = LevelSnapshot.inside(options.snapshot);
    return this.#guarded(async (db) => (await this.#look(db, key, 'sequence', snapshot)) !== null);
  }

  _hasMany(keys: readonly Data[], options: EncodedReadOptions): Promise<boolean[]> {
    return this.#lookMany(keys, 'sequence', options, (found) => found !== null);
  }

  _put(key: Data, value: Data, options: AdditionalWriteOptions): Promise<void> {
    return this.#write(new WriteBatch().put(toBytes(key), toBytes(value)), options);
  }

  _del(key: Data, options: AdditionalWriteOptions): Promise<void> {
    return this.#write(new WriteBatch().delete(toBytes(key)), options);
  }

  _batch(operations: readonly EncodedOperation[], options: AdditionalWriteOptions): Promise<void> {
    const batch = new WriteBatch();
    for (const { type, key, value } of operations) {
      if (type === 'put') batch.put(toBytes(key), toBytes(value as Data));
      else batch.delete(toBytes(key));
    }
    return this.#write(batch, options);
  }

  /** Not as a whole: what is written meanwhile stays, and a crash may leave a part of the keys. */
  _clear(options: EncodedClearOptions): Promise<void> {
    return this.#guarded((db) =>
      clearRange(db, options, LevelSnapshot.inside(options.snapshot), this.#meter),
    );
  }

  _iterator(
    options: EncodedIteratorOptions & { readonly snapshot?: AbstractSnapshot },
  ): LevelIterator<KDefault, VDefault> {
    const snapshot = LevelSnapshot.inside(options.snapshot);
    try {
      const inner = this.#open().iterator({
        ...toRange(options),
        reverse: options.reverse,
        keysOnly: !options.values,
        // One that is closed is told by the first read, before ours is asked.
        ...(snapshot !== undefined && !snapshot.isReleased ? { snapshot } : {}),
      });
      return new LevelIterator(this, options, inner, this.#meter);
    } catch (error) {
      throw toLevelError(error);
    }
  }

  _snapshot(options: { readonly owner: object }): LevelSnapshot {
    return new LevelSnapshot(options, this.#open().snapshot());
  }

  /** The tables and the log. @throws LevelError LEVEL_DATABASE_NOT_OPEN */
  #open(): EmbeddedDb {
    if (this.#db !== null) return this.#db;
    throw new LevelError('LEVEL_DATABASE_NOT_OPEN', 'Database is not open');
  }

  /** Work whose errors become those of abstract-level. */
  async #guarded<T>(work: (db: EmbeddedDb) => Promise<T>): Promise<T> {
    try {
      return await work(this.#open());
    } catch (error) {
      throw toLevelError(error);
    }
  }

  #write(batch: WriteBatch, { sync }: AdditionalWriteOptions): Promise<void> {
    return this.#guarded(async (db) => {
      await db.write(batch, { sync: sync === true });
      if (this.#meter.charge(batch.size)) await this.#meter.nextTurn();
    });
  }

  async #look(
    db: EmbeddedDb,
    key: Data,
    wanted: 'value' | 'sequence',
    snapshot: Snapshot | undefined,
  ): Promise<Found | null> {
    const found = await lookIn(db, toOwnBytes(key), wanted, snapshot);
    if (this.#meter.charge(1)) await this.#meter.nextTurn();
    return found;
  }

  /** All of one moment. */
  #lookMany<T>(
    keys: readonly Data[],
    wanted: 'value' | 'sequence',
    options: EncodedReadOptions,
    answer: (found: Found | null) => T,
  ): Promise<T[]> {
    const owned = keys.map(toOwnBytes);
    return this.#guarded(async (db) => {
      const given = LevelSnapshot.inside(options.snapshot);
      const snapshot = given ?? db.snapshot();
      try {
        const answers: T[] = [];
        for (const key of owned) {
          const found = lookIn(db, key, wanted, snapshot);
          answers.push(answer(found instanceof Promise ? await found : found));
          if (this.#meter.charge(1)) await this.#meter.nextTurn();
        }
        return answers;
      } finally {
        if (given === undefined) snapshot.release();
      }
    });
  }

  #encodedRange<K>(start: K, end: K, { keyEncoding }: StartEndOptions<K>): RangeOptions {
    const { encode } = this.keyEncoding(keyEncoding as Transcoder.MixedEncoding<K, Data, K>);
    return { gte: toBytes(encode(start)), lt: toBytes(encode(end)) };
  }
}

const NEEDS_START_AND_END = "The arguments 'start' and 'end' are required";

function lookIn(
  db: EmbeddedDb,
  key: Uint8Array,
  wanted: 'value' | 'sequence',
  snapshot: Snapshot | undefined,
): MaybePromise<Found | null> {
  return db.look(key, {
    keysOnly: wanted === 'sequence',
    ...(snapshot !== undefined ? { snapshot } : {}),
  });
}
