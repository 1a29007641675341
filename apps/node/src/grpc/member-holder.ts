import type { Member } from '@dougdb/member';
import { DougError } from '@dougdb/rpc-proto';

/**
 * The member, as soon as it is open. The port is bound first: only then its number is known, and a
 * port in use is told before the data directory is touched.
 */
export class MemberHolder {
  #member: Member | null = null;

  set(member: Member): void {
    this.#member = member;
  }

  /** Null when the member is ready. */
  notReadyReason(): string | null {
    return this.#member === null ? 'opening the data directory' : this.#member.notReadyReason();
  }

  /** @throws DougError STARTING */
  member(): Member {
    if (this.#member === null) throw new DougError('STARTING', 'this node is opening its data');
    return this.#member;
  }
}
