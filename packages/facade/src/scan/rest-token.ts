import { crc32 } from '@dougdb/ports';
import { DougError, decodeWhole, ScanRequest } from '@dougdb/rpc-proto';

/**
 * The token of a scan over partitions, version 1: what is left of the range, and where its next partition goes on.
 *
 * ```
 * 1 byte   0x52
 * 1 byte   version
 * bytes    an encoded ScanRequest of which only start, end, reverse, revision and context are used; revision is
 *          that of the view, 0 where a partition is not begun yet, and context names its partition and epoch
 * 4 bytes  CRC-32 of everything before, little-endian
 * ```
 */
const MARK = 0x52;
const VERSION = 1;
const HEADER_BYTES = 2;
const CRC_BYTES = 4;

/** What is left of a scan. */
export interface ScanRest {
  readonly start: Uint8Array;
  /** Exclusive; empty: to the last key. */
  readonly end: Uint8Array;
  readonly reverse: boolean;
  /** Of the partition in which the rest begins; null: it gets a new one. */
  readonly view: ViewName | null;
}

/** A moment of a partition. */
export interface ViewName {
  readonly partitionId: number;
  readonly epochVersion: number;
  readonly revision: number;
}

/** The bytes of a token, which are opaque to applications. */
export function encodeScanRest({ start, end, reverse, view }: ScanRest): Uint8Array {
  const named = view === null ? {} : { revision: view.revision, context: view };
  const content = ScanRequest.encode(
    ScanRequest.create({ start, end, reverse, ...named }),
  ).finish();
  const bytes = new Uint8Array(HEADER_BYTES + content.length + CRC_BYTES);
  bytes[0] = MARK;
  bytes[1] = VERSION;
  bytes.set(content, HEADER_BYTES);
  const crcAt = HEADER_BYTES + content.length;
  new DataView(bytes.buffer).setUint32(crcAt, crc32(bytes, 0, 0, crcAt), true);
  return bytes;
}

/** Whether bytes claim to be such a token; else they may be one of a node. */
export function isScanRest(bytes: Uint8Array): boolean {
  return bytes.length >= HEADER_BYTES + CRC_BYTES && bytes[0] === MARK;
}

/**
 * What a token says.
 * @throws DougError INVALID_ARGUMENT for anything that {@link encodeScanRest} did not make, or another version made
 */
export function decodeScanRest(bytes: Uint8Array): ScanRest {
  if (!isScanRest(bytes)) throw invalid('it is not the token of a scan');
  if (bytes[1] !== VERSION) {
    throw invalid(`it has version ${bytes[1]}, known here is version ${VERSION}`);
  }
  const crcAt = bytes.length - CRC_BYTES;
  const sum = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(crcAt, true);
  if (sum !== crc32(bytes, 0, 0, crcAt)) throw invalid('its checksum does not match');
  let request: ScanRequest;
  try {
    request = decodeWhole(ScanRequest, bytes.subarray(HEADER_BYTES, crcAt));
  } catch (cause) {
    throw invalid('it is garbage', cause);
  }
  const { start, end, reverse, revision, context } = request;
  const { partitionId = 0, epochVersion = 0 } = context ?? {};
  return {
    // Copies: they outlive the bytes.
    start: new Uint8Array(start),
    end: new Uint8Array(end),
    reverse,
    view: revision === 0 ? null : { partitionId, epochVersion, revision },
  };
}

function invalid(what: string, cause?: unknown): DougError {
  const message = `the token of the scan cannot be used: ${what}`;
  return new DougError('INVALID_ARGUMENT', message, cause === undefined ? {} : { cause });
}
