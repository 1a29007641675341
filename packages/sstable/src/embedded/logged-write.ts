import { batchBytes, encodeBatchInto } from '../batch/batch-format.js';
import { WriteBatch } from '../batch/write-batch.js';
import { writeU32 } from '../encoding/internal-key.js';
import { SEQUENCE_BYTES } from './batch-log.js';

/** Records share slabs: memory of its own costs a small array 300 ns (bench/durable.mjs). */
const SLAB_BYTES = 64 * 1024;
const POOLED_BYTES = 4 * 1024;
const TWO_POW_32 = 2 ** 32;

let slab = new ArrayBuffer(SLAB_BYTES);
let used = 0;

/**
 * A batch on its way into log and memtable, as a record of the log: keys and values are copied once, and the
 * caller may change its arrays. The record gets its sequence when its turn comes.
 */
export class LoggedWrite {
  readonly record: Uint8Array;
  /** Its ranges have to be looked into before it can be written. */
  readonly hasRanges: boolean;

  constructor(batch: WriteBatch) {
    const { operations } = batch;
    this.record = take(SEQUENCE_BYTES + batchBytes(operations));
    this.hasRanges = batch.hasRanges;
    encodeBatchInto(this.record, SEQUENCE_BYTES, operations);
  }

  set sequence(value: number) {
    writeU32(this.record, 0, value % TWO_POW_32);
    writeU32(this.record, 4, Math.floor(value / TWO_POW_32));
  }

  /** The batch, over the record. */
  batch(): WriteBatch {
    return WriteBatch.ofOwn(this.record, SEQUENCE_BYTES);
  }
}

function take(length: number): Uint8Array {
  if (length > POOLED_BYTES) return new Uint8Array(length);
  if (used + length > SLAB_BYTES) {
    slab = new ArrayBuffer(SLAB_BYTES);
    used = 0;
  }
  const bytes = new Uint8Array(slab, used, length);
  used += length;
  return bytes;
}
