import { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire';

// google.rpc.Status { int32 code = 1; string message = 2; repeated Any details = 3 }
// google.protobuf.Any { string type_url = 1; bytes value = 2 }
// google.rpc.ErrorInfo { string reason = 1; string domain = 2; map<string, string> metadata = 3 }
// Three small messages, written here so that the package needs no googleapis.

/** One google.protobuf.Any. */
export interface Detail {
  /** Without the prefix `type.googleapis.com/`. */
  readonly type: string;
  readonly value: Uint8Array;
}

const typePrefix = 'type.googleapis.com/';

/** Encodes google.rpc.Status. */
export function encodeStatus(
  code: number,
  message: string,
  details: readonly Detail[],
): Uint8Array {
  const writer = new BinaryWriter();
  writer.uint32(8).int32(code);
  writer.uint32(18).string(message);
  for (const detail of details) {
    writer.uint32(26).fork();
    writer.uint32(10).string(typePrefix + detail.type);
    writer.uint32(18).bytes(detail.value);
    writer.join();
  }
  return writer.finish();
}

/** Encodes google.rpc.ErrorInfo without metadata. */
export function encodeErrorInfo(reason: string, domain: string): Uint8Array {
  return new BinaryWriter().uint32(10).string(reason).uint32(18).string(domain).finish();
}

/** The details of an encoded google.rpc.Status. @throws Error when the bytes are garbage */
export function decodeDetails(bytes: Uint8Array): Detail[] {
  const details: Detail[] = [];
  eachField(bytes, (tag, reader) => {
    if (tag !== 26) return false;
    details.push(decodeAny(reader.bytes()));
    return true;
  });
  return details;
}

function decodeAny(bytes: Uint8Array): Detail {
  let type = '';
  let value: Uint8Array = new Uint8Array(0);
  eachField(bytes, (tag, reader) => {
    if (tag === 10) type = reader.string();
    else if (tag === 18) value = reader.bytes();
    else return false;
    return true;
  });
  return { type: type.slice(type.lastIndexOf('/') + 1), value };
}

function eachField(bytes: Uint8Array, field: (tag: number, reader: BinaryReader) => boolean): void {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (!field(tag, reader)) reader.skip(tag & 7);
  }
}
