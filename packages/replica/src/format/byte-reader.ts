const TWO_POW_32 = 0x1_0000_0000;
const TWO_POW_21 = 0x20_0000;

/** Reads what a ByteWriter wrote, with bounds. What does not fit is thrown by `fail`. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  readonly #fail: (what: string) => never;
  #pos = 0;

  /** @param fail - throws the caller's error; must not return */
  constructor(bytes: Uint8Array, end: number, fail: (what: string) => never) {
    this.#bytes = bytes;
    this.#end = end;
    this.#fail = fail;
  }

  u8(): number {
    return this.#bytes[this.#step(1)]!;
  }

  u16(): number {
    const at = this.#step(2);
    return this.#bytes[at]! | (this.#bytes[at + 1]! << 8);
  }

  u32(): number {
    const low = this.u16();
    return low + this.u16() * 0x1_0000;
  }

  /** A safe integer >= 0. */
  u53(): number {
    const low = this.u32();
    const high = this.u32();
    if (high >= TWO_POW_21) this.#fail('integer of 2^53 or more');
    return high * TWO_POW_32 + low;
  }

  /** A copy. */
  bytes(count: number): Uint8Array {
    const at = this.#step(count);
    return this.#bytes.slice(at, at + count);
  }

  /** What ByteWriter.block wrote; a copy. */
  block(): Uint8Array {
    return this.bytes(this.u32());
  }

  /** Everything must have been read. */
  finish(): void {
    if (this.#pos !== this.#end) this.#fail(`${this.#end - this.#pos} bytes too many`);
  }

  #step(count: number): number {
    const at = this.#pos;
    if (count > this.#end - at) this.#fail('truncated');
    this.#pos = at + count;
    return at;
  }
}
