/** Below this a loop beats making a view for the native copy. */
const LOOP_LIMIT_BYTES = 64;

/** Copies source[start, end) to target at `at`. */
export function copyBytes(
  target: Uint8Array,
  at: number,
  source: Uint8Array,
  start: number,
  end: number,
): void {
  if (end - start > LOOP_LIMIT_BYTES) {
    target.set(source.subarray(start, end), at);
    return;
  }
  for (let i = start; i < end; i++) target[at++] = source[i]!;
}

/** A buffer of at least `neededBytes` that begins with the first `usedBytes` of the old one. */
export function grown(buffer: Uint8Array, usedBytes: number, neededBytes: number): Uint8Array {
  if (buffer.length >= neededBytes) return buffer;
  const larger = new Uint8Array(Math.max(neededBytes, buffer.length * 2, 64));
  larger.set(buffer.subarray(0, usedBytes));
  return larger;
}
