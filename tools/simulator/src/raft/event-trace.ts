import { type Message, MessageType, type Ready } from '@dougdb/raft-core';
import { mix } from './oracle/committed-log.js';

/** Lines kept for the report of a failure. */
const KEPT = 200;

interface Slot {
  atUs: number;
  what: string;
  id: number;
  number: number;
  detail: Message | Ready | string | null;
}

const typeNames = new Map<number, string>(
  Object.entries(MessageType).map(([name, type]) => [type, name.slice(3)]),
);

/**
 * What happened, in order: a running hash of all of it, and the last events, put into words only when
 * somebody reads them. With `isWhole` all of them are put into words.
 */
export class EventTrace {
  readonly #ring: Slot[] = [];
  readonly #whole: string[] | null;
  #low = 0x9e3779b9;
  #high = 0x85ebca6b;
  #count = 0;

  constructor({ isWhole }: { readonly isWhole: boolean }) {
    this.#whole = isWhole ? [] : null;
  }

  /** `what` has to be one of a few constant words. */
  note(
    atUs: number,
    what: string,
    id: number,
    number: number,
    detail: Slot['detail'] = null,
  ): void {
    const at = this.#count++ % KEPT;
    let slot = this.#ring[at];
    if (slot === undefined) {
      slot = { atUs, what, id, number, detail };
      this.#ring[at] = slot;
    } else {
      slot.atUs = atUs;
      slot.what = what;
      slot.id = id;
      slot.number = number;
      slot.detail = detail;
    }
    this.#hash(atUs);
    this.#hash(what.charCodeAt(0) * 65_536 + what.length * 256 + id);
    this.#hash(number);
    if (detail !== null) this.#hashDetail(detail);
    this.#whole?.push(describe(slot));
  }

  /** Equal for equal runs. */
  get digest(): string {
    const hex = (n: number): string => n.toString(16).padStart(8, '0');
    return `${this.#count}:${hex(this.#high)}${hex(this.#low)}`;
  }

  /** All lines, if all were kept. */
  get lines(): readonly string[] {
    return this.#whole ?? this.lastLines;
  }

  get lastLines(): readonly string[] {
    const from = this.#count > KEPT ? this.#count % KEPT : 0;
    return [...this.#ring.slice(from), ...this.#ring.slice(0, from)].map(describe);
  }

  #hash(value: number): void {
    this.#low = mix(this.#low, value);
    this.#high = mix(this.#high ^ this.#low, this.#count);
  }

  #hashDetail(detail: Message | Ready | string): void {
    if (typeof detail === 'string') {
      for (let i = 0; i < detail.length; i++) this.#hash(detail.charCodeAt(i));
    } else if ('from' in detail) {
      const m = detail;
      this.#hash(m.from * 4096 + m.to * 64 + m.type);
      this.#hash(m.term * 65_536 + m.logTerm);
      this.#hash(m.index * 65_536 + m.commit);
      this.#hash(m.readToken + m.rejectHint + m.repairIndex + m.denyTerm);
      this.#hash(m.entries.length * 4 + (m.reject ? 2 : 0) + (m.force ? 1 : 0));
    } else {
      const { append, committed, messages, reads, drops, repairs, hardState } = detail;
      if (hardState !== null) this.#hash(hardState.term * 256 + hardState.vote);
      if (append !== null) this.#hash(append.ticket * 65_536 + append.entries.length);
      this.#hash(committed.length * 65_536 + messages.length);
      this.#hash(reads.length * 65_536 + drops.length * 256 + repairs.length);
    }
  }
}

function describe({ atUs, what, id, number, detail }: Slot): string {
  const head = `${(atUs / 1e6).toFixed(6)} ${what} ${id === 0 ? '' : `${id} `}${number}`;
  if (detail === null) return head;
  if (typeof detail === 'string') return `${head} ${detail}`;
  return `${head} ${'from' in detail ? describeMessage(detail) : describeReady(detail)}`;
}

export function describeMessage(m: Message): string {
  const parts = [
    `${m.from}>${m.to} ${typeNames.get(m.type) ?? m.type} term ${m.term} at ${m.logTerm}/${m.index}`,
    `commit ${m.commit}`,
    m.entries.length === 0 ? '' : m.entries.map((e) => `${e.term}/${e.index}`).join(),
    m.reject ? `reject, hint ${m.rejectHint}` : '',
    m.force ? 'forced' : '',
    m.readToken === 0 ? '' : `token ${m.readToken}`,
    m.repairIndex === 0 ? '' : `repair ${m.repairIndex}`,
    m.denyTerm === 0 ? '' : `deny ${m.denyTerm}`,
    m.snapshot === null ? '' : `snapshot ${m.snapshot.term}/${m.snapshot.index}`,
  ];
  return parts.filter((part) => part !== '').join(' ');
}

function describeReady(ready: Ready): string {
  const { append, committed, softState, hardState, messages, reads, drops, repairs } = ready;
  const entries = append === null ? '' : append.entries.map((e) => `${e.term}/${e.index}`).join();
  const parts = [
    softState === null ? '' : `leader ${softState.leader} role ${softState.role}`,
    hardState === null ? '' : `term ${hardState.term} vote ${hardState.vote}`,
    append === null ? '' : `append #${append.ticket} ${entries} hint ${append.commit}`,
    append === null || append.snapshot === null ? '' : `install ${append.snapshot.index}`,
    append?.truncateFrom === undefined ? '' : `truncate ${append.truncateFrom}`,
    committed.length === 0 ? '' : `commit ${committed.map((e) => `${e.term}/${e.index}`).join()}`,
    messages.length === 0 ? '' : `${messages.length} messages`,
    reads.map((read) => `read ${read.ticket}@${read.index}`).join(),
    drops.map((drop) => `drop ${drop.kind} ${drop.reason}`).join(),
    repairs.length === 0 ? '' : `repair ${repairs.map((e) => e.index).join()}`,
  ];
  return parts.filter((part) => part !== '').join('; ');
}
