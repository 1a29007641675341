import {
  CommandView,
  type DeleteConditions,
  encodeDelete,
  encodePut,
  type OpIdFields,
  type PutConditions,
  readCommand,
} from '@dougdb/rpc-proto';

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export const bytesOf = (text: string): Uint8Array => encoder.encode(text);
export const textOf = (bytes: Uint8Array): string => decoder.decode(bytes);

/** 16 bytes that begin with the number. */
export function sessionId(n: number): Uint8Array {
  const id = new Uint8Array(16).fill(0x5a);
  id[0] = n;
  id[1] = n >>> 8;
  return id;
}

export function opId(
  session: number,
  startedAt: number,
  seq: number,
  firstIncomplete = 1,
): OpIdFields {
  return { session: sessionId(session), startedAt, seq, firstIncomplete };
}

export function put(
  key: string,
  value: string,
  id: OpIdFields | null = null,
  conditions: PutConditions = {},
): Uint8Array {
  return encodePut(id, bytesOf(key), bytesOf(value), conditions);
}

export function del(
  key: string,
  id: OpIdFields | null = null,
  conditions: DeleteConditions = {},
): Uint8Array {
  return encodeDelete(id, bytesOf(key), conditions);
}

export function viewOf(command: Uint8Array): CommandView {
  const view = new CommandView();
  readCommand(command, 0, command.length, view);
  return view;
}
