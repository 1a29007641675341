import { UsageError } from '../cli-errors.js';

/** A line of an input, without its end. */
export interface Line {
  /** From 1. */
  readonly number: number;
  readonly bytes: Uint8Array;
  /** Bytes of the input up to the end of this line. */
  readonly offset: number;
}

/** Longest line: a value of 1 MiB in which every byte is escaped, and its key. */
export const maxLineBytes = 8 * 1024 * 1024;

/** Cuts chunks into lines at '\n'; a '\r' before it belongs to the end. @throws UsageError for a line without end */
export async function* splitLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Line> {
  let rest: Uint8Array[] = [];
  let restBytes = 0;
  let number = 1;
  let offset = 0;
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, start)) {
      const tail = chunk.subarray(start, end);
      const bytes = rest.length === 0 ? tail : Buffer.concat([...rest, tail]);
      offset += bytes.length + 1;
      yield { number, bytes: withoutReturn(bytes), offset };
      rest = [];
      restBytes = 0;
      number++;
      start = end + 1;
    }
    if (start === chunk.length) continue;
    rest.push(chunk.subarray(start));
    restBytes += chunk.length - start;
    if (restBytes > maxLineBytes) {
      throw new UsageError(`line ${number} is longer than ${maxLineBytes} bytes`);
    }
  }
  if (rest.length === 0) return;
  const bytes = Buffer.concat(rest);
  yield { number, bytes: withoutReturn(bytes), offset: offset + bytes.length };
}

function withoutReturn(bytes: Uint8Array): Uint8Array {
  return bytes.at(-1) === 13 ? bytes.subarray(0, -1) : bytes;
}
