const FIRST_BYTES = 256;
const TWO_POW_32 = 0x1_0000_0000;

/** A growing buffer for one record on disk. All integers are little-endian. */
export class ByteWriter {
  #bytes = new Uint8Array(FIRST_BYTES);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  u8(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#size++] = value;
  }

  u16(value: number): void {
    this.u8(value);
    this.u8(value >>> 8);
  }

  u32(value: number): void {
    this.u16(value);
    this.u16(value >>> 16);
  }

  /** A safe integer >= 0 in 8 bytes. */
  u53(value: number): void {
    this.u32(value);
    this.u32(Math.floor(value / TWO_POW_32));
  }

  bytes(source: Uint8Array): void {
    this.#reserve(source.length);
    this.#bytes.set(source, this.#size);
    this.#size += source.length;
  }

  /** A u32 of length, then the bytes. */
  block(source: Uint8Array): void {
    this.u32(source.length);
    this.bytes(source);
  }

  /** What was written so far, as a view: valid until the next write. */
  take(): Uint8Array {
    return this.#bytes.subarray(0, this.#size);
  }

  #reserve(count: number): void {
    if (this.#size + count <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(this.#bytes.length * 2, this.#size + count));
    larger.set(this.#bytes.subarray(0, this.#size));
    this.#bytes = larger;
  }
}
