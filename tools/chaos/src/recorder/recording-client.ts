import {
  CompareFailedError,
  type DeleteOptions,
  type DeleteResult,
  type DougClient,
  DougError,
  type GetResult,
  type Key,
  type Previous,
  type PutOptions,
  type PutResult,
  type ReadOptions,
  type WriteResult,
} from '@dougdb/client';
import type { Call } from '../history/operation.js';
import type { AnswerTo, HistoryRecorder, OpenOperation } from './history-recorder.js';
import { SeenValues } from './seen-values.js';

/** The calls of a client that are recorded; keys and values are text. */
export type RecordableClient = Pick<DougClient, 'get' | 'put' | 'delete'>;

export interface RecordingOptions {
  /** Names its processes: 'w1' gives w1.0, w1.1 and so on, one for each call that is under way at a time. */
  readonly name: string;
}

const readOptions = ['signal', 'timeoutMs', 'consistency'];
const putOptions = ['signal', 'timeoutMs', 'ifRevision', 'ifAbsent', 'returnPrevious'];
const deleteOptions = ['signal', 'timeoutMs', 'ifRevision', 'returnPrevious', 'returnExisted'];

/**
 * The same calls with the same answers and errors, each written down. An error that says NOT_APPLIED is
 * recorded as fail, any other as unknown.
 *
 * A write with a condition is recorded as cas, a delete as one that removes. Of `ifRevision` the expected
 * value is the one that this client saw at that revision, so the history says the same as long as no value
 * is written twice to a key. A condition that was not met is an ok that compared unequal.
 *
 * It refuses what it could only record wrongly: eventual reads (of one call; do not hand in a client whose
 * default they are), revisions that it has not seen, and options that it does not know.
 */
export function recordingClient(
  client: RecordableClient,
  recorder: HistoryRecorder,
  options: RecordingOptions,
): RecordableClient {
  return new RecordingClient(client, recorder, options.name);
}

/** What a write may tell beyond its revision; what it was not asked for, or no longer knows, is missing. */
interface Details extends WriteResult {
  readonly previous?: Previous | null;
  readonly existed?: boolean;
}

class RecordingClient implements RecordableClient {
  readonly #client: RecordableClient;
  readonly #recorder: HistoryRecorder;
  readonly #name: string;
  readonly #idle: string[] = [];
  #processes = 0;
  readonly #seen = new SeenValues();

  constructor(client: RecordableClient, recorder: HistoryRecorder, name: string) {
    this.#client = client;
    this.#recorder = recorder;
    this.#name = name;
  }

  async get(name: Key, options: ReadOptions = {}): Promise<GetResult | null> {
    const key = textOf(name);
    refuseUnknown(options, readOptions);
    if (options.consistency === 'eventual') {
      throw new Error('an eventual read may be older: it has no place in a history to be checked');
    }
    const hit = await this.#record(
      { op: 'get', key },
      () => this.#client.get(key, options),
      (result) => ({ value: result?.value ?? null }),
    );
    if (hit !== null) this.#seen.note(key, hit.revision, hit.value);
    return hit;
  }

  async put<P extends boolean = false>(
    name: Key,
    value: string,
    options: PutOptions<P> = {},
  ): Promise<PutResult<string, P>> {
    const key = textOf(name);
    refuseUnknown(options, putOptions);
    const run = () => this.#client.put(key, value, options);
    const expected = this.#expected(key, options);
    const result =
      expected === undefined
        ? await this.#record({ op: 'put', key, value }, run, (it) => this.#previous(key, it))
        : await this.#record({ op: 'cas', key, expected, value }, run, (it) => ({
            result: true,
            ...this.#previous(key, it),
          }));
    this.#seen.note(key, result.revision, value);
    return result;
  }

  async delete<P extends boolean = false, E extends boolean = false>(
    name: Key,
    options: DeleteOptions<P, E> = {},
  ): Promise<DeleteResult<string, P, E>> {
    const key = textOf(name);
    refuseUnknown(options, deleteOptions);
    const run = () => this.#client.delete(key, options);
    const expected = this.#expected(key, options);
    if (expected !== undefined) {
      return this.#record({ op: 'cas', key, expected, value: null }, run, (it) => ({
        result: true,
        ...this.#previous(key, it),
      }));
    }
    return this.#record({ op: 'delete', key }, run, (it) => {
      const { existed }: Details = it;
      return { ...(existed === undefined ? {} : { existed }), ...this.#previous(key, it) };
    });
  }

  async #record<C extends Call, R>(
    call: C,
    run: () => Promise<R>,
    answerOf: (result: R) => AnswerTo<C>,
  ): Promise<R> {
    const process = this.#idle.pop() ?? `${this.#name}.${this.#processes++}`;
    const open = this.#recorder.begin(process, call);
    let result: R;
    try {
      result = await run();
    } catch (error) {
      this.#end(open, call, error);
      throw error;
    } finally {
      this.#idle.push(process);
    }
    open.ok(answerOf(result));
    return result;
  }

  #end(open: OpenOperation<Call>, call: Call, error: unknown): void {
    if (!DougError.is(error) || error.outcome !== 'NOT_APPLIED') {
      open.unknown();
    } else if (call.op === 'cas' && error.reason === 'COMPARE_FAILED') {
      open.ok({ result: false, ...this.#inTheWay(call.key, error) });
    } else {
      open.fail();
    }
  }

  /** What an unmet condition tells of what was there. */
  #inTheWay(key: string, error: DougError): { readonly prev?: string | null } {
    const current = CompareFailedError.is(error) ? error.current : undefined;
    if (current === undefined) return {};
    if (current === null) return { prev: null };
    const value = 'value' in current ? (current.value as string) : undefined;
    if (value !== undefined) this.#seen.note(key, current.revision, value);
    const prev = value ?? this.#seen.at(key, current.revision);
    return prev === undefined ? {} : { prev };
  }

  #previous(key: string, details: Details): { readonly prev?: string | null } {
    const { previous } = details;
    if (previous === undefined) return {};
    if (previous === null) return { prev: null };
    this.#seen.note(key, previous.revision, previous.value);
    return { prev: previous.value };
  }

  /** What a write compares with; undefined: with nothing. */
  #expected(key: string, options: PutOptions | DeleteOptions): string | null | undefined {
    if ('ifAbsent' in options && options.ifAbsent === true) return null;
    const { ifRevision } = options;
    if (ifRevision === undefined) return undefined;
    const value = this.#seen.at(key, ifRevision);
    if (value !== undefined) return value;
    throw new Error(`revision ${ifRevision} of ${JSON.stringify(key)} was not seen by this client`);
  }
}

function textOf(key: Key): string {
  if (typeof key === 'string') return key;
  throw new Error('a key of a history is text');
}

function refuseUnknown(options: object, known: readonly string[]): void {
  for (const [name, value] of Object.entries(options)) {
    if (value !== undefined && !known.includes(name)) {
      throw new Error(`the option ${name} cannot be recorded`);
    }
  }
}
