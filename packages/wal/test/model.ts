import type { SimRandom } from '@dougdb/ports/sim';
import type { Wal, WalEntry } from '../src/index.js';
import { entry } from './rig.js';

export type Step =
  | {
      readonly op: 'append';
      readonly id: number;
      readonly entries: readonly WalEntry[];
      readonly hint: number;
    }
  | { readonly op: 'compact'; readonly id: number; readonly index: number; readonly term: number }
  | { readonly op: 'truncate'; readonly id: number; readonly index: number }
  | { readonly op: 'remove'; readonly id: number };

interface ModelLog {
  prefixIndex: number;
  prefixTerm: number;
  entries: WalEntry[];
  hint: number;
}

/** What the logs should hold: the plainest thing that can be right. */
export class Model {
  readonly logs = new Map<number, ModelLog>();

  log(id: number): ModelLog {
    let log = this.logs.get(id);
    if (log === undefined) {
      log = { prefixIndex: 0, prefixTerm: 0, entries: [], hint: 0 };
      this.logs.set(id, log);
    }
    return log;
  }

  clone(): Model {
    const model = new Model();
    for (const [id, log] of this.logs) model.logs.set(id, { ...log, entries: [...log.entries] });
    return model;
  }

  first(id: number): number {
    return this.log(id).prefixIndex + 1;
  }

  last(id: number): number {
    const log = this.log(id);
    return log.prefixIndex + log.entries.length;
  }

  term(id: number, index: number): number {
    const log = this.log(id);
    if (index === log.prefixIndex) return log.prefixTerm;
    return log.entries[index - log.prefixIndex - 1]!.term;
  }

  appendOne(id: number, added: WalEntry): void {
    const log = this.log(id);
    log.entries.length = added.index - log.prefixIndex - 1;
    log.entries.push(added);
  }

  raise(id: number, hint: number): void {
    const log = this.log(id);
    log.hint = Math.max(log.hint, hint);
  }

  compact(id: number, index: number, term: number): void {
    const log = this.log(id);
    if (index <= log.prefixIndex) return;
    const keeps = index <= this.last(id) && this.term(id, index) === term;
    log.entries = keeps ? log.entries.slice(index - log.prefixIndex) : [];
    log.prefixIndex = index;
    log.prefixTerm = term;
  }

  truncate(id: number, index: number): void {
    const log = this.log(id);
    log.entries.length = Math.min(log.entries.length, index - log.prefixIndex - 1);
  }

  remove(id: number): void {
    this.logs.delete(id);
  }

  /** Entries and prefixes of all logs that have any, as text. */
  show(): string {
    const lines: string[] = [];
    for (const id of [...this.logs.keys()].sort((a, b) => a - b)) {
      const { prefixIndex, prefixTerm, entries } = this.log(id);
      if (prefixIndex === 0 && entries.length === 0) continue;
      lines.push(
        `log ${id} after ${prefixIndex}/${prefixTerm}: ${entries.map(showEntry).join(' ')}`,
      );
    }
    return lines.join('\n');
  }
}

/** The same text of a WAL, read through its readers. */
export function showWal(wal: Wal): string {
  const lines: string[] = [];
  for (const id of wal.logIds()) {
    const log = wal.log(id);
    const first = log.firstIndex();
    if (first === 1 && log.lastIndex() === 0) continue;
    const found: WalEntry[] = [];
    while (first + found.length <= log.lastIndex()) {
      const read = log.entries(first + found.length, log.lastIndex() + 1, 300);
      if (read === 'faulty' || read === -1) throw new Error(`log ${id}: ${read}`);
      if (read.length === 0) throw new Error(`log ${id}: nothing at ${first + found.length}`);
      found.push(...read);
    }
    for (const [i, { index, term }] of found.entries()) {
      if (index !== first + i || log.term(index) !== term) throw new Error(`log ${id} at ${index}`);
    }
    lines.push(
      `log ${id} after ${first - 1}/${log.term(first - 1)}: ${found.map(showEntry).join(' ')}`,
    );
  }
  return lines.join('\n');
}

function showEntry({ index, term, type, data }: WalEntry): string {
  let sum = 0;
  for (const byte of data) sum = (sum * 31 + byte) % 65521;
  return `${index}/${term}/${type}:${data.length}#${sum}`;
}

export interface DrawOptions {
  readonly logs: number;
  readonly maxDataBytes: number;
}

/** A next step that makes sense for the model; the model is not changed. */
export function drawStep(random: SimRandom, model: Model, options: DrawOptions): Step {
  const id = 1 + random.int(options.logs);
  const [first, last] = [model.first(id), model.last(id)];
  const kind = random.next();
  if (kind < 0.72 || last < first) return drawAppend(random, model, id, options.maxDataBytes);
  if (kind < 0.9) {
    const beyond = random.chance(0.1);
    const index = beyond ? last + 1 + random.int(5) : first + random.int(last - first + 1);
    const other = beyond || random.chance(0.1);
    return { op: 'compact', id, index, term: other ? 50 + random.int(5) : model.term(id, index) };
  }
  if (kind < 0.97) return { op: 'truncate', id, index: first + random.int(last - first + 1) };
  return { op: 'remove', id };
}

function drawAppend(random: SimRandom, model: Model, id: number, maxDataBytes: number): Step {
  const [first, last] = [model.first(id), model.last(id)];
  const replaces = random.chance(0.15) && last >= first;
  const from = replaces ? first + random.int(last - first + 1) : last + 1;
  const before = from > first - 1 && from - 1 >= first - 1 ? model.term(id, from - 1) : 0;
  const term = before + (replaces || random.chance(0.1) ? 1 : 0) || 1;
  const count = 1 + random.int(random.chance(0.2) ? 8 : 3);
  const entries = Array.from({ length: count }, (_, i) => {
    const large = random.chance(0.1);
    const size = random.int(large ? maxDataBytes : Math.min(60, maxDataBytes));
    return { ...entry(from + i, term, random.bytes(size)), type: random.int(256) };
  });
  const hint = random.chance(0.7) ? random.int(from + count) : 0;
  return { op: 'append', id, entries, hint };
}

export function applyToWal(wal: Wal, step: Step): void {
  if (step.op === 'append') wal.append(step.id, step.entries, step.hint);
  else if (step.op === 'compact') wal.compactPrefix(step.id, step.index, step.term);
  else if (step.op === 'truncate') wal.truncateSuffix(step.id, step.index);
  else wal.removeLog(step.id);
}

/** Applies a step; `after` is called after each part that a crash may stop behind. */
export function applyToModel(model: Model, step: Step, after: () => void = () => {}): void {
  if (step.op === 'append') {
    for (const added of step.entries) {
      model.appendOne(step.id, added);
      after();
    }
    model.raise(step.id, step.hint);
  } else if (step.op === 'compact') model.compact(step.id, step.index, step.term);
  else if (step.op === 'truncate') model.truncate(step.id, step.index);
  else model.remove(step.id);
  after();
}
