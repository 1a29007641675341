import type { Message } from '@dougdb/raft-core';
import type { Action } from './plan/actions.js';

export const EventKind = {
  Tick: 0,
  Deliver: 1,
  /** A batch of appends is on the disk. */
  Disk: 2,
  /** A hard state is on the disk. */
  HardState: 3,
  /** A host looks after its replica. */
  Turn: 4,
  Apply: 5,
  /** A client wants something. */
  Operation: 6,
  /** Something goes wrong, or is changed by an operator. */
  Begin: 7,
  /** ... and ends. */
  End: 8,
  Restart: 9,
} as const;
export type EventKind = (typeof EventKind)[keyof typeof EventKind];

/** One shape for all kinds: the queue is the hottest place of the simulator. */
export interface SimEvent {
  atUs: number;
  /** Breaks ties: what was scheduled first happens first. */
  seq: number;
  readonly kind: EventKind;
  /** Whose event it is; 0: nobody's. */
  readonly id: number;
  /** The life of that process for which it was meant. */
  readonly life: number;
  readonly message: Message | null;
  readonly action: Action | null;
}

/** A binary heap by (time, sequence). */
export class EventQueue {
  readonly #items: SimEvent[] = [];
  #seq = 0;

  get size(): number {
    return this.#items.length;
  }

  push(event: SimEvent): void {
    event.seq = this.#seq++;
    const items = this.#items;
    let at = items.length;
    items.push(event);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = items[parent] as SimEvent;
      if (isBefore(above, event)) break;
      items[at] = above;
      at = parent;
    }
    items[at] = event;
  }

  pop(): SimEvent | undefined {
    const items = this.#items;
    const first = items[0];
    const last = items.pop();
    if (first === undefined || last === undefined || items.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= items.length) break;
      const right = items[child + 1];
      if (right !== undefined && isBefore(right, items[child] as SimEvent)) child++;
      const below = items[child] as SimEvent;
      if (isBefore(last, below)) break;
      items[at] = below;
      at = child;
    }
    items[at] = last;
    return first;
  }
}

const isBefore = (a: SimEvent, b: SimEvent): boolean =>
  a.atUs < b.atUs || (a.atUs === b.atUs && a.seq < b.seq);
