/**
 * Refuses a transfer that does not lie in its buffer or in a file: such a call is a bug of the
 * caller, and Node would take a negative position for "at the cursor".
 * @throws RangeError with code 'ERR_OUT_OF_RANGE'
 */
export function checkTransfer(
  buffer: Uint8Array,
  offset: number,
  length: number,
  position: number,
): void {
  const inside =
    isCount(offset) && isCount(length) && isCount(position) && offset + length <= buffer.length;
  if (inside && Number.isSafeInteger(position + length)) return;
  throw outOfRange(
    `cannot transfer [${offset}, +${length}) of a buffer of ${buffer.length} bytes at ${position}`,
  );
}

/** @throws RangeError with code 'ERR_OUT_OF_RANGE' */
export function checkFileSize(sizeBytes: number): void {
  if (!isCount(sizeBytes)) throw outOfRange(`a file cannot have ${sizeBytes} bytes`);
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function outOfRange(message: string): RangeError {
  return Object.assign(new RangeError(message), { code: 'ERR_OUT_OF_RANGE' });
}
