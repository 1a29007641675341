import { SstError, SstErrorCode } from '../contract.js';
import { MAX_KEY_BYTES, MAX_VALUE_BYTES } from '../encoding/internal-key.js';
import {
  type BatchOperation,
  decodeBatch,
  encodeBatch,
  NO_VALUE,
  OperationKind,
  operationsIn,
} from './batch-format.js';

/**
 * Writes that take effect together, at one sequence: `Db.write(sequence, batch)`. They count in their
 * order: of several of one key the last one. A batch may be written to several databases.
 *
 * It keeps the arrays that it is given: they must not change until it was written or encoded.
 */
export class WriteBatch {
  readonly #operations: BatchOperation[] = [];
  #bytes = 0;
  #ranges = 0;

  /** Reads what encode() made; keeps views of the bytes. @throws SstError SST_CORRUPT, SST_NEWER_FORMAT */
  static decode(bytes: Uint8Array): WriteBatch {
    const batch = new WriteBatch();
    for (const operation of decodeBatch(bytes)) batch.#add(operation);
    return batch;
  }

  /** @internal Reads bytes that this process has encoded itself; keeps views of them. */
  static ofOwn(bytes: Uint8Array, at: number): WriteBatch {
    const batch = new WriteBatch();
    for (const operation of operationsIn(bytes, at)) batch.#add(operation);
    return batch;
  }

  /** Number of operations. */
  get size(): number {
    return this.#operations.length;
  }

  /** Bytes of keys and values. */
  get sizeBytes(): number {
    return this.#bytes;
  }

  /** @internal Whether writing it has to look what is there. */
  get hasRanges(): boolean {
    return this.#ranges > 0;
  }

  /** @internal */
  get operations(): readonly BatchOperation[] {
    return this.#operations;
  }

  /** @throws SstError SST_USAGE for a key of more than 65,535 bytes or a value of more than 64 MiB */
  put(key: Uint8Array, value: Uint8Array): this {
    checkKey(key);
    checkValue(value);
    return this.#add({ kind: OperationKind.Set, key, value });
  }

  /** @throws SstError SST_USAGE for a key of more than 65,535 bytes */
  delete(key: Uint8Array): this {
    checkKey(key);
    return this.#add({ kind: OperationKind.Delete, key, value: NO_VALUE });
  }

  /**
   * Deletes the keys from `start` up to, without, `end` that are there when the batch is written, puts of
   * this batch before it included. There may be so many of them as `Db.write` says.
   * @throws SstError SST_USAGE for a key of more than 65,535 bytes
   */
  deleteRange(start: Uint8Array, end: Uint8Array): this {
    checkKey(start);
    checkKey(end);
    return this.#add({ kind: OperationKind.DeleteRange, key: start, value: end });
  }

  /** Forgets all operations. */
  clear(): this {
    this.#operations.length = 0;
    this.#bytes = 0;
    this.#ranges = 0;
    return this;
  }

  /** The batch as bytes, with a checksum (FORMAT.md). The host's log keeps the sequence. */
  encode(): Uint8Array {
    return encodeBatch(this.#operations);
  }

  #add(operation: BatchOperation): this {
    this.#operations.push(operation);
    this.#bytes += operation.key.length + operation.value.length;
    if (operation.kind === OperationKind.DeleteRange) this.#ranges++;
    return this;
  }
}

/** @throws SstError SST_USAGE */
export function checkKey(key: Uint8Array): void {
  if (key.length > MAX_KEY_BYTES) throw tooLong('key', key.length);
}

/** @throws SstError SST_USAGE */
export function checkValue(value: Uint8Array): void {
  if (value.length > MAX_VALUE_BYTES) throw tooLong('value', value.length);
}

function tooLong(what: string, length: number): SstError {
  return new SstError(SstErrorCode.Usage, `a ${what} of ${length} bytes is too long`);
}
