/**
 * The history format, JSONL: one operation a line, in any order. Blank lines and lines that begin with #
 * are skipped. Each key is a register of its own and starts absent.
 *
 * | field    | of           | what                                                                  |
 * | -------- | ------------ | --------------------------------------------------------------------- |
 * | process  | all          | string or integer                                                     |
 * | op       | all          | get, put, delete, cas, append                                         |
 * | key      | all          | string                                                                |
 * | invoke   | all          | ns of one monotonic clock: integer or decimal string                  |
 * | return   | all          | the same; an `unknown` may leave it out                               |
 * | status   | all          | ok, fail, unknown                                                     |
 * | value    | get (if ok)  | string, or null: absent                                               |
 * |          | put, append  | string                                                                |
 * |          | cas          | string, or null: remove                                               |
 * | expected | cas          | string, or null: must be absent                                       |
 * | result   | cas (if ok)  | true: written (also if left out), false: compared unequal             |
 * | existed  | delete (ok)  | optional boolean                                                      |
 * | prev     | writes (ok)  | optional: what was there, null: absent                                |
 *
 * Facts of operations that are not ok are checked for their type and otherwise ignored: nobody can know
 * them. A field of the table that an operation does not have is an error unless it is null: it would be
 * taken for checked and is not. Other fields are notes.
 */
import { HistoryFormatError } from './history-format-error.js';
import {
  type Answer,
  type Call,
  noAnswer,
  type OperationRecord,
  type ProcessId,
  type Status,
} from './operation.js';

/** Fields beside those that every operation has. */
const fieldsOf: Readonly<Record<Call['op'], readonly string[]>> = {
  get: ['value'],
  put: ['value', 'prev'],
  delete: ['existed', 'prev'],
  cas: ['value', 'expected', 'result', 'prev'],
  append: ['value', 'prev'],
};
const someFields = ['value', 'expected', 'result', 'existed', 'prev'] as const;
const ops = Object.keys(fieldsOf) as Call['op'][];
const statuses: readonly Status[] = ['ok', 'fail', 'unknown'];

/** One line of a history, without its end. Times are written as decimal strings. */
export function encodeOperation(record: OperationRecord): string {
  const { process, call, status, answer, invoke } = record;
  return JSON.stringify({
    process,
    ...call,
    invoke: String(invoke),
    ...(record.return === null ? {} : { return: String(record.return) }),
    status,
    ...answer,
  });
}

/**
 * One line that is neither blank nor a comment.
 * @param line - its number, for the error
 * @throws HistoryFormatError
 */
export function decodeOperation(text: string, line: number): OperationRecord {
  return new LineReader(text, line).read();
}

class LineReader {
  readonly #text: string;
  readonly #line: number;
  readonly #fields: Readonly<Record<string, unknown>>;

  constructor(text: string, line: number) {
    this.#text = text;
    this.#line = line;
    this.#fields = this.#object();
  }

  read(): OperationRecord {
    const process = this.#process();
    const op = this.#oneOf('op', ops);
    const status = this.#oneOf('status', statuses);
    this.#refuseForeignFields(op);
    const call = this.#call(op);
    const answer = this.#answer(op, status);
    const invoke = this.#time('invoke');
    const isOpen = status === 'unknown' && (this.#fields.return ?? null) === null;
    const returned = isOpen ? null : this.#time('return');
    if (returned !== null && returned < invoke) {
      throw this.#error(`it returned (${returned}) before it was invoked (${invoke})`);
    }
    return { process, call, status, answer, invoke, return: returned };
  }

  #object(): Readonly<Record<string, unknown>> {
    let value: unknown;
    try {
      value = JSON.parse(this.#text);
    } catch (cause) {
      throw this.#error(`not JSON: ${(cause as Error).message}`);
    }
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw this.#error(`not a JSON object: ${show(value)}`);
    }
    return value as Readonly<Record<string, unknown>>;
  }

  #process(): ProcessId {
    const value = this.#required('process');
    if (typeof value === 'string' || Number.isSafeInteger(value)) return value as ProcessId;
    throw this.#wrong('process', 'a string or an integer');
  }

  #call(op: Call['op']): Call {
    const key = this.#string('key');
    switch (op) {
      case 'get':
      case 'delete':
        return { op, key };
      case 'put':
      case 'append':
        return { op, key, value: this.#string('value') };
      case 'cas':
        return { op, key, expected: this.#register('expected'), value: this.#register('value') };
    }
  }

  #answer(op: Call['op'], status: Status): Answer {
    const isRead = op === 'get' && (status === 'ok' || 'value' in this.#fields);
    const value = isRead ? this.#register('value') : undefined;
    const result = this.#flag('result');
    const existed = this.#flag('existed');
    // Of a get it can only be null here, and says nothing.
    const prev = 'prev' in this.#fields && op !== 'get' ? this.#register('prev') : undefined;
    if (status !== 'ok') return noAnswer;
    return {
      ...(value === undefined ? {} : { value }),
      ...(result === undefined ? {} : { result }),
      ...(existed === undefined ? {} : { existed }),
      ...(prev === undefined ? {} : { prev }),
    };
  }

  #refuseForeignFields(op: Call['op']): void {
    for (const name of someFields) {
      if ((this.#fields[name] ?? null) !== null && !fieldsOf[op].includes(name)) {
        throw this.#error(`"${name}" is not a field of ${op}`);
      }
    }
  }

  /** @throws HistoryFormatError; never rounds */
  #time(name: 'invoke' | 'return'): number | bigint {
    const value = this.#required(name);
    if (typeof value === 'string' && /^-?\d+$/.test(value)) {
      return value.length <= 15 ? Number(value) : BigInt(value);
    }
    if (typeof value === 'number') {
      if (Number.isSafeInteger(value)) return value;
      // JSON.parse has rounded it; the digits are still in the line. Inside a string the name's second
      // quote would have a backslash before it, so this finds the field itself.
      const digits = new RegExp(`"${name}"\\s*:\\s*(-?\\d+)\\s*[,}]`).exec(this.#text)?.[1];
      if (digits !== undefined) return BigInt(digits);
    }
    throw this.#wrong(name, 'an integer or a decimal string');
  }

  #string(name: string): string {
    const value = this.#required(name);
    if (typeof value === 'string') return value;
    throw this.#wrong(name, 'a string');
  }

  #register(name: string): string | null {
    const value = this.#required(name);
    if (typeof value === 'string' || value === null) return value;
    throw this.#wrong(name, 'a string or null');
  }

  #flag(name: string): boolean | undefined {
    const value = this.#fields[name] ?? undefined;
    if (typeof value === 'boolean' || value === undefined) return value;
    throw this.#wrong(name, 'true or false');
  }

  #oneOf<T extends string>(name: string, allowed: readonly T[]): T {
    const value = this.#required(name);
    if (allowed.includes(value as T)) return value as T;
    throw this.#wrong(name, `one of ${allowed.join(', ')}`);
  }

  #required(name: string): unknown {
    const value = this.#fields[name];
    if (value === undefined) throw this.#error(`"${name}" is missing`);
    return value;
  }

  #wrong(name: string, wanted: string): HistoryFormatError {
    return this.#error(`"${name}" must be ${wanted}, not ${show(this.#fields[name])}`);
  }

  #error(what: string): HistoryFormatError {
    return new HistoryFormatError(this.#line, what);
  }
}

function show(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
