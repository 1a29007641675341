import { SimRandom, SimScheduler } from '@dougdb/ports/sim';
import {
  type Answer,
  type Call,
  noAnswer,
  type OperationRecord,
  type Status,
} from '../history/operation.js';
import { KeyRotation } from '../recorder/key-rotation.js';

export interface GeneratorOptions {
  readonly seed: string | number;
  readonly operations: number;
  readonly processes: number;
  /** Names of keys in all. */
  readonly keys: number;
  /** Keys in use at the same time: the fewer, the more operations of a key meet. */
  readonly activeKeys: number;
  /** Share of operations whose outcome nobody learns. */
  readonly unknownShare: number;
  /** Share of operations that certainly fail. */
  readonly failShare: number;
  /** Share of appends. Of the rest a half reads. */
  readonly appendShare: number;
}

export const defaultGeneratorOptions: GeneratorOptions = Object.freeze({
  seed: 1,
  operations: 200_000,
  processes: 12,
  keys: 2_000,
  activeKeys: 4,
  unknownShare: 0.05,
  failShare: 0.02,
  appendShare: 0.1,
});

/** Mean times of an operation: from its call to its effect, from there to its return, and to the next call. */
const meanMs = { toEffect: 1, toReturn: 0.5, pause: 0.2 };
/** After which a client gives up, and how long after its call a late effect comes, in the mean. */
const giveUpMs = 5;
const meanLateMs = 50;

/**
 * A history of a store that is right: operations meet, outcomes are unknown, some of those take effect
 * and some of these late. Linearizable by construction; same options, same history.
 */
export function generateHistory(options: Partial<GeneratorOptions> = {}): OperationRecord[] {
  return new Generator({ ...defaultGeneratorOptions, ...options }).run();
}

class Generator {
  readonly #options: GeneratorOptions;
  readonly #random: SimRandom;
  readonly #scheduler = new SimScheduler();
  readonly #rotation: KeyRotation;
  readonly #store = new Map<string, string>();
  readonly #records: OperationRecord[] = [];
  #begun = 0;

  constructor(options: GeneratorOptions) {
    this.#options = options;
    this.#random = new SimRandom(options.seed);
    this.#rotation = new KeyRotation({
      slots: Math.min(options.activeKeys, options.keys),
      maxOperations: Math.ceil(options.operations / options.keys),
      maxUnknown: options.operations,
    });
  }

  run(): OperationRecord[] {
    for (let p = 0; p < this.#options.processes; p++) this.#next(`p${p}`, 0);
    for (let isLeft = true; isLeft; ) isLeft = this.#scheduler.stepSync();
    return this.#records;
  }

  #next(process: string, life: number): void {
    this.#after(this.#exponential(meanMs.pause), () => this.#begin(process, life));
  }

  #begin(process: string, life: number): void {
    if (this.#begun >= this.#options.operations) return;
    this.#begun++;
    const call = this.#draw();
    const invoke = this.#nowNs();
    const write = (status: Status, answer: Answer): void => {
      const returned = status === 'unknown' && this.#random.chance(0.5) ? null : this.#nowNs();
      const name = life === 0 ? process : `${process}/${life}`;
      this.#records.push({ process: name, call, status, answer, invoke, return: returned });
      this.#next(process, status === 'unknown' ? life + 1 : life);
    };
    const fate = this.#random.next();
    const { unknownShare, failShare } = this.#options;
    if (fate < unknownShare) {
      // A third of them never takes effect, a third in time, a third late.
      const effect = this.#random.int(3);
      const delayMs = this.#exponential(effect === 2 ? meanLateMs : meanMs.toEffect);
      if (effect > 0) this.#after(delayMs, () => this.#apply(call));
      this.#after(giveUpMs, () => write('unknown', noAnswer));
      return;
    }
    this.#after(this.#exponential(meanMs.toEffect), () => {
      const isFailed = fate < unknownShare + failShare;
      const answer = isFailed ? noAnswer : this.#apply(call);
      this.#after(this.#exponential(meanMs.toReturn), () =>
        write(isFailed ? 'fail' : 'ok', answer),
      );
    });
  }

  #draw(): Call {
    const key = this.#rotation.next(this.#random.int(this.#rotation.slots));
    if (this.#random.chance(this.#options.appendShare)) {
      return { op: 'append', key, value: `.${this.#rotation.nextValue()}` };
    }
    const kind = this.#random.next();
    if (kind < 0.5) return { op: 'get', key };
    if (kind < 0.78) return { op: 'put', key, value: this.#rotation.nextValue() };
    if (kind < 0.83) return { op: 'delete', key };
    const value = this.#random.chance(0.1) ? null : this.#rotation.nextValue();
    const current = this.#store.get(key) ?? null;
    return { op: 'cas', key, expected: this.#random.chance(0.7) ? current : null, value };
  }

  /** Executes it now, and says what it tells; half of the optional facts are left out. */
  #apply(call: Call): Answer {
    const prev = this.#store.get(call.key) ?? null;
    const told = this.#random.chance(0.5) ? { prev } : {};
    switch (call.op) {
      case 'get':
        return { value: prev };
      case 'put':
        this.#set(call.key, call.value);
        return told;
      case 'append':
        this.#set(call.key, (prev ?? '') + call.value);
        return told;
      case 'delete':
        this.#set(call.key, null);
        return this.#random.chance(0.5) ? { ...told, existed: prev !== null } : told;
      case 'cas':
        if (prev === call.expected) this.#set(call.key, call.value);
        return { ...told, result: prev === call.expected };
    }
  }

  #set(key: string, value: string | null): void {
    if (value === null) this.#store.delete(key);
    else this.#store.set(key, value);
  }

  #after(delayMs: number, run: () => void): void {
    this.#scheduler.schedule(delayMs, run);
  }

  #exponential(mean: number): number {
    return -mean * Math.log(1 - this.#random.next());
  }

  #nowNs(): number {
    return this.#scheduler.nowUs * 1000;
  }
}
