/** An entry as it is printed; without values there is none. */
export interface Row {
  readonly key: Uint8Array;
  readonly value?: Uint8Array;
  readonly revision: number;
  /** Of a key with a time to live, in milliseconds since 1970. */
  readonly expiresAt?: number;
}
