import { Command } from '@dougdb/rpc-proto';
import { Violation } from '../violation.js';

/** An entry of a partition's log, as the simulation reads it. */
export interface ReadEntry {
  readonly logTime: number;
  readonly commands: readonly Command[];
}

const HEADER_BYTES = 20;

/**
 * Reads an entry without the code that replicas read it with: header {format, kind, count u16, log time u64,
 * epoch u64}, then {length u32, Command} each, decoded by the generated decoder. Null: it begins a term.
 */
export function readEntry(data: Uint8Array): ReadEntry | null {
  if (data.length === 0) return null;
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const count = view.getUint16(2, true);
  const commands: Command[] = [];
  let at = HEADER_BYTES;
  for (let i = 0; i < count; i++) {
    const length = view.getUint32(at, true);
    commands.push(decode(data.subarray(at + 4, at + 4 + length)));
    at += 4 + length;
  }
  if (at !== data.length) throw new Violation('entry-format', `${data.length - at} bytes too many`);
  return { logTime: Number(view.getBigUint64(4, true)), commands };
}

function decode(bytes: Uint8Array): Command {
  const command = Command.decode(bytes);
  const unknown = unknownFieldIn(command);
  if (unknown !== null) throw new Violation('known-fields', `a command with field ${unknown}`);
  return command;
}

/** What the decoder does not know, no replica may have let into a log. */
function unknownFieldIn(message: object): string | null {
  for (const [name, value] of Object.entries(message)) {
    if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) continue;
    const found =
      name === '_unknownFields' ? Object.keys(value).join() || null : unknownFieldIn(value);
    if (found !== null) return found;
  }
  return null;
}
