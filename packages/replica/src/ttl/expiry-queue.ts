/** A key that goes at a log time, as it was written at this revision. */
export interface Expiring {
  readonly key: Uint8Array;
  readonly revision: number;
  readonly expiresAt: number;
}

/** How much a queue may hold. */
export interface ExpiryBounds {
  readonly keys: number;
  /** Of keys, with what it costs to keep them. */
  readonly bytes: number;
}

export const defaultExpiryBounds: ExpiryBounds = Object.freeze({ keys: 65_536, bytes: 16 << 20 });

/** About what a key costs beside its bytes: an item, its place in the heap and in the map. */
const ITEM_BYTES = 160;
/** Of a queue that is too large so much is kept. */
const KEPT_SHARE = 0.75;

interface Item {
  readonly name: string;
  revision: number;
  expiresAt: number;
  /** Place in the heap. */
  at: number;
}

/**
 * The keys of a partition that have a time, the soonest first: a heap, with the place of each key in it, so that a
 * key is there once, as it was written last. Memory is bounded: of too many keys the soonest are kept, and
 * `horizon` says from which time on some are missing; whoever needs those reads the database again.
 */
export class ExpiryQueue {
  readonly #bounds: ExpiryBounds;
  readonly #items = new Map<string, Item>();
  #heap: Item[] = [];
  #bytes = 0;
  #horizon = Number.POSITIVE_INFINITY;

  constructor(bounds: ExpiryBounds = defaultExpiryBounds) {
    this.#bounds = bounds;
  }

  get size(): number {
    return this.#heap.length;
  }

  /** About what it takes of memory. */
  get sizeBytes(): number {
    return this.#bytes;
  }

  /** Keys that go at this log time or later may be missing here. Infinity: none is. */
  get horizon(): number {
    return this.#horizon;
  }

  /** Log time at which the soonest key goes; Infinity: none is here. */
  get soonest(): number {
    return this.#heap[0]?.expiresAt ?? Number.POSITIVE_INFINITY;
  }

  /** Few enough keys are left of many that it is worth while to read those behind the horizon. */
  get isThin(): boolean {
    const { keys, bytes } = this.#bounds;
    const isSmall = this.size <= keys / 4 && this.#bytes <= bytes / 4;
    return isSmall && this.#horizon < Number.POSITIVE_INFINITY;
  }

  /** Whether any key is here: where none is, nobody needs to tell of writes. */
  get isEmpty(): boolean {
    return this.#heap.length === 0;
  }

  /** The key was written at this revision, to go at this log time. An older write than the known one is passed over. */
  add(key: Uint8Array, revision: number, expiresAt: number): void {
    const name = nameOf(key);
    const known = this.#items.get(name);
    if (known !== undefined && known.revision >= revision) return;
    if (expiresAt >= this.#horizon) {
      if (known !== undefined) this.#remove(known);
    } else if (known !== undefined) {
      known.revision = revision;
      known.expiresAt = expiresAt;
      this.#settle(known);
    } else {
      const item = { name, revision, expiresAt, at: this.#heap.length };
      this.#items.set(name, item);
      this.#heap.push(item);
      this.#bytes += ITEM_BYTES + name.length;
      this.#settle(item);
      if (this.size > this.#bounds.keys || this.#bytes > this.#bounds.bytes) this.#shrink();
    }
  }

  /** The key was deleted, or written without a time. */
  forget(key: Uint8Array): void {
    if (this.isEmpty) return;
    const item = this.#items.get(nameOf(key));
    if (item !== undefined) this.#remove(item);
  }

  /** Forgets the key if it is still as it was written at this revision; answers whether it was. */
  forgetVersion(key: Uint8Array, revision: number): boolean {
    const item = this.#items.get(nameOf(key));
    if (item?.revision !== revision) return false;
    this.#remove(item);
    return true;
  }

  /**
   * Keys whose time is over at this log time, the soonest of these first. They stay here. Where there are more
   * than the bounds let pass, it is not said which: all of them are due.
   */
  due(logTime: number, maxKeys: number, maxKeyBytes: number): Expiring[] {
    const found: Expiring[] = [];
    let bytes = 0;
    // Down the heap from its top: below an item that is not due none is.
    const places = [0];
    for (let i = 0; i < places.length && found.length < maxKeys; i++) {
      const item = this.#heap[places[i] as number];
      if (item === undefined || item.expiresAt > logTime) continue;
      bytes += item.name.length;
      if (bytes > maxKeyBytes && found.length > 0) break;
      const { name, revision, expiresAt } = item;
      found.push({ key: keyOf(name), revision, expiresAt });
      places.push(2 * item.at + 1, 2 * item.at + 2);
    }
    return found.sort((a, b) => a.expiresAt - b.expiresAt);
  }

  /** Begins to hear of all keys again: what is read from the database is added from here on. */
  openHorizon(): void {
    this.#horizon = Number.POSITIVE_INFINITY;
  }

  /** Keeps the soonest. */
  #shrink(): void {
    const kept = this.#heap.sort((a, b) => a.expiresAt - b.expiresAt);
    const most = Math.floor(Math.min(this.#bounds.keys, kept.length) * KEPT_SHARE);
    const mostBytes = this.#bounds.bytes * KEPT_SHARE;
    let bytes = 0;
    let count = 0;
    while (count < most) {
      const next = ITEM_BYTES + (kept[count] as Item).name.length;
      if (bytes + next > mostBytes) break;
      bytes += next;
      count++;
    }
    const dropped = kept.splice(count);
    this.#horizon = dropped[0]?.expiresAt ?? this.#horizon;
    for (const { name } of dropped) this.#items.delete(name);
    // Sorted is a heap.
    for (const [at, item] of kept.entries()) item.at = at;
    this.#heap = kept;
    this.#bytes = bytes;
  }

  #remove(item: Item): void {
    this.#items.delete(item.name);
    this.#bytes -= ITEM_BYTES + item.name.length;
    const last = this.#heap.pop() as Item;
    if (last === item) return;
    last.at = item.at;
    this.#heap[last.at] = last;
    this.#settle(last);
  }

  /** Moves an item to where its time belongs. */
  #settle(item: Item): void {
    const heap = this.#heap;
    let { at } = item;
    while (at > 0) {
      const parent = heap[(at - 1) >>> 1] as Item;
      if (parent.expiresAt <= item.expiresAt) break;
      at = this.#put(parent, at);
    }
    for (;;) {
      const left = heap[2 * at + 1];
      const right = heap[2 * at + 2];
      if (left === undefined) break;
      const child = right !== undefined && right.expiresAt < left.expiresAt ? right : left;
      if (child.expiresAt >= item.expiresAt) break;
      at = this.#put(child, at);
    }
    heap[at] = item;
    item.at = at;
  }

  /** Puts an item at a place; answers the one that it left. */
  #put(item: Item, at: number): number {
    const left = item.at;
    this.#heap[at] = item;
    item.at = at;
    return left;
  }
}

/** One character a byte: strings are what a Map finds, and V8 keeps these at one byte a character. */
function nameOf(key: Uint8Array): string {
  let name = '';
  for (let at = 0; at < key.length; at += CHARACTERS_A_CALL) {
    name += String.fromCharCode(...key.subarray(at, at + CHARACTERS_A_CALL));
  }
  return name;
}

/** An argument each: engines bound how many there may be. */
const CHARACTERS_A_CALL = 4096;

function keyOf(name: string): Uint8Array {
  const key = new Uint8Array(name.length);
  for (let at = 0; at < name.length; at++) key[at] = name.charCodeAt(at);
  return key;
}
