/**
 * Is told what the state machine does to the user's data, as it does it: each change once, by revision,
 * and within a revision by key. The bytes are the caller's.
 */
export interface ChangeSink {
  /** While it is false nobody wants to hear anything: the caller need not say it. */
  readonly isOn: boolean;
  /** @param expiresAt - log time at which the key goes; 0: never */
  put(revision: number, key: Uint8Array, value: Uint8Array, expiresAt: number): void;
  delete(revision: number, key: Uint8Array): void;
}
