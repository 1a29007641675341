import { hex } from './record.js';

/** Longer than a node waits for an answer: whoever decides by an answer of ours decides sooner. */
const CLAIM_MS = 10_000;

interface Claim {
  readonly uuid: string;
  readonly atMs: number;
}

/**
 * Which nodes have lately said that a listed address is theirs. Were two processes started with one
 * address by mistake, and it the smallest, each of them would make a record: two clusters. The
 * second of them to ask here gets no answer, and so it cannot make one.
 */
export class Claims {
  readonly #addresses: readonly string[];
  readonly #claims = new Map<string, Claim>();

  /** @param addresses - the listed ones; claims of others are not remembered */
  constructor(addresses: readonly string[]) {
    this.#addresses = addresses;
  }

  /** Whether the node may have the address. A node that was wiped has to wait until the old claim ends. */
  admit(address: string, uuid: Uint8Array, nowMs: number): boolean {
    if (!this.#addresses.includes(address)) return true;
    const claim = this.#claims.get(address);
    const asker = hex(uuid);
    const isTaken = claim !== undefined && claim.uuid !== asker && nowMs - claim.atMs < CLAIM_MS;
    if (!isTaken) this.#claims.set(address, { uuid: asker, atMs: nowMs });
    return !isTaken;
  }
}
