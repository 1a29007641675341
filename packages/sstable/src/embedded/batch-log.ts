/**
 * A log file of an embedded database: a record log of `@dougdb/wal`.
 *
 * ```
 * identity  'sstable-log' | database id, 16 bytes | number of the log u64
 * record    first sequence u64          the first one: that of the batch that follows, or would
 *           sequence u64 | batch        each other one; sequences without a gap
 * ```
 */
import type { FileSystem } from '@dougdb/ports';
import { RecordLog } from '@dougdb/wal';
import { SstError, SstErrorCode } from '../contract.js';
import { ByteReader } from '../encoding/byte-reader.js';
import { ByteWriter } from '../encoding/byte-writer.js';
import { fromWalError } from '../encoding/from-wal-error.js';
import { join } from '../manifest/file-names.js';
import { logName } from './log-names.js';

/** Header and first record: a file that is not longer holds no batch. */
export const LOG_HEAD_BYTES = 160;

/** Of the sequence in front of a batch. */
export const SEQUENCE_BYTES = 8;
const IDENTITY_NAME: Uint8Array = Uint8Array.from('sstable-log', (c) => c.charCodeAt(0));

/** Which log it is. */
export interface LogPlace {
  readonly fs: FileSystem;
  readonly dir: string;
  readonly databaseId: Uint8Array;
  readonly number: number;
}

/** A batch as it stands in a log. */
export interface LoggedBatch {
  readonly sequence: number;
  readonly bytes: Uint8Array;
}

/** What a log says. */
export interface ReadLog {
  readonly firstSequence: number;
  readonly batches: readonly LoggedBatch[];
  /** 'torn': something behind the last batch was cut off before it was durable. */
  readonly tail: 'clean' | 'torn';
  /** For further batches, if the tail is clean. */
  readonly log: BatchLog | null;
}

/** Batches, appended; durable after sync(). After a failure it has ended. */
export class BatchLog {
  readonly number: number;
  readonly path: string;
  readonly #log: RecordLog;

  private constructor(place: LogPlace, log: RecordLog) {
    this.number = place.number;
    this.path = pathOf(place);
    this.#log = log;
  }

  /** Makes a log, durable with its name. What is left of one that was not finished is replaced. */
  static async create(place: LogPlace, firstSequence: number): Promise<BatchLog> {
    const { fs, dir } = place;
    const path = pathOf(place);
    const left = fs.stat(path);
    if (left !== null) {
      if (left.sizeBytes > LOG_HEAD_BYTES) throw corrupt(path, 'is there before it was made');
      fs.remove(path);
    }
    const log = RecordLog.create(fs, path, identityOf(place));
    try {
      log.append(new ByteWriter().u64(firstSequence).finish());
      if (log.sizeBytes !== LOG_HEAD_BYTES) {
        throw new RangeError(`the head of a log has ${log.sizeBytes} bytes`);
      }
      await log.sync();
      await fs.syncDir(dir);
      return new BatchLog(place, log);
    } catch (error) {
      log.close();
      throw error;
    }
  }

  /**
   * Reads a log. It is made durable before it is believed.
   * @throws SstError SST_CORRUPT with file and offset, SST_NEWER_FORMAT, SST_IO
   */
  static open(place: LogPlace): ReadLog {
    const path = pathOf(place);
    const records: Uint8Array[] = [];
    let opened: ReturnType<typeof RecordLog.open>;
    try {
      opened = RecordLog.open(place.fs, path, identityOf(place), (record) => records.push(record));
    } catch (error) {
      throw fromWalError(error, path);
    }
    const { log, tail } = opened;
    try {
      const [head, ...rest] = records;
      if (head?.length !== SEQUENCE_BYTES) throw corrupt(path, 'does not say where it begins');
      const firstSequence = new ByteReader(head).u64();
      const batches = rest.map((record) => {
        if (record.length < SEQUENCE_BYTES) throw corrupt(path, 'has a record that is too short');
        return { sequence: new ByteReader(record).u64(), bytes: record.subarray(SEQUENCE_BYTES) };
      });
      for (const [i, { sequence }] of batches.entries()) {
        if (sequence === firstSequence + i) continue;
        throw corrupt(path, `has sequence ${sequence} in the place of ${firstSequence + i}`);
      }
      if (tail === 'torn') log.close();
      return {
        firstSequence,
        batches,
        tail,
        log: tail === 'torn' ? null : new BatchLog(place, log),
      };
    } catch (error) {
      log.close();
      throw error;
    }
  }

  get sizeBytes(): number {
    return this.#log.sizeBytes;
  }

  /**
   * Appends all of them in one write, or none.
   * @param records each a batch behind its sequence
   * @throws WalError; the log has ended then, unless it is WAL_USAGE
   */
  appendAll(records: readonly Uint8Array[]): void {
    this.#log.appendAll(records);
  }

  /** Makes all batches so far durable. Calls that meet share a sync. @throws WalError; the log has ended then */
  sync(): Promise<void> {
    return this.#log.sync();
  }

  /** Without a sync. */
  close(): void {
    this.#log.close();
  }
}

function pathOf({ dir, number }: LogPlace): string {
  return join(dir, logName(number));
}

function identityOf({ databaseId, number }: LogPlace): Uint8Array {
  return new ByteWriter().raw(IDENTITY_NAME).raw(databaseId).u64(number).finish();
}

function corrupt(path: string, what: string): SstError {
  return new SstError(SstErrorCode.Corrupt, `${path} ${what}`, { file: path, offset: 0 });
}
