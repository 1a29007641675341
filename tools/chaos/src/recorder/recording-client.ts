import { type CallOptions, DougError, type ReadOptions } from '@dougdb/client';
import type { Call } from '../history/operation.js';
import type { AnswerTo, HistoryRecorder, OpenOperation } from './history-recorder.js';

/** What a put may depend on. At most one. */
export interface RecordedPutOptions extends CallOptions {
  /** Put only if this is the key's revision. The recording client must have seen it. */
  readonly ifRevision?: number | undefined;
  /** Put only if the key is absent. */
  readonly ifAbsent?: boolean | undefined;
}

/** The calls of a `DougClient` on text that can be recorded. */
export interface RecordableClient {
  get(
    key: string,
    options?: ReadOptions,
  ): Promise<{ readonly value: string; readonly revision: number } | null>;
  put(
    key: string,
    value: string,
    options?: RecordedPutOptions,
  ): Promise<{ readonly revision: number }>;
  delete(key: string, options?: CallOptions): Promise<{ readonly revision: number }>;
}

export interface RecordingOptions {
  /** Names its processes: 'w1' gives w1.0, w1.1 and so on, one for each call that is under way at a time. */
  readonly name: string;
}

/** Revisions of which the value is remembered. */
const rememberedRevisions = 10_000;
const readOptions = ['signal', 'timeoutMs', 'consistency'];
const writeOptions = ['signal', 'timeoutMs'];
const putOptions = [...writeOptions, 'ifRevision', 'ifAbsent'];

/**
 * The same calls with the same answers and errors, each written down. An error that says NOT_APPLIED is
 * recorded as fail, any other as unknown.
 *
 * A conditional put is recorded as cas. Its `expected` is the value that this client saw at the revision,
 * so the history says the same as long as no value is written twice to a key.
 *
 * It refuses what it could only record wrongly: eventual reads (of one call; do not hand in a client whose
 * default they are) and options that it does not know.
 */
export function recordingClient(
  client: RecordableClient,
  recorder: HistoryRecorder,
  options: RecordingOptions,
): RecordableClient {
  return new RecordingClient(client, recorder, options.name);
}

class RecordingClient implements RecordableClient {
  readonly #client: RecordableClient;
  readonly #recorder: HistoryRecorder;
  readonly #name: string;
  readonly #idle: string[] = [];
  #processes = 0;
  readonly #values = new Map<string, string>();

  constructor(client: RecordableClient, recorder: HistoryRecorder, name: string) {
    this.#client = client;
    this.#recorder = recorder;
    this.#name = name;
  }

  async get(key: string, options: ReadOptions = {}): ReturnType<RecordableClient['get']> {
    refuseUnknown(options, readOptions);
    if (options.consistency === 'eventual') {
      throw new Error('an eventual read may be older: it has no place in a history to be checked');
    }
    const hit = await this.#record(
      { op: 'get', key },
      () => this.#client.get(key, options),
      (answer) => ({ value: answer?.value ?? null }),
    );
    if (hit !== null) this.#remember(key, hit.revision, hit.value);
    return hit;
  }

  async put(
    key: string,
    value: string,
    options: RecordedPutOptions = {},
  ): ReturnType<RecordableClient['put']> {
    refuseUnknown(options, putOptions);
    const run = () => this.#client.put(key, value, options);
    const expected = this.#expected(key, options);
    const answer =
      expected === undefined
        ? await this.#record({ op: 'put', key, value }, run, () => ({}))
        : await this.#record({ op: 'cas', key, expected, value }, run, () => ({ result: true }));
    this.#remember(key, answer.revision, value);
    return answer;
  }

  async delete(key: string, options: CallOptions = {}): ReturnType<RecordableClient['delete']> {
    refuseUnknown(options, writeOptions);
    return this.#record(
      { op: 'delete', key },
      () => this.#client.delete(key, options),
      () => ({}),
    );
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
      noteError(open, call, error);
      throw error;
    } finally {
      this.#idle.push(process);
    }
    open.ok(answerOf(result));
    return result;
  }

  /** What a put compares with; undefined: with nothing. */
  #expected(key: string, options: RecordedPutOptions): string | null | undefined {
    const { ifRevision, ifAbsent } = options;
    if (ifAbsent === true) return null;
    if (ifRevision === undefined) return undefined;
    const value = this.#values.get(nameOf(key, ifRevision));
    if (value !== undefined) return value;
    throw new Error(`revision ${ifRevision} of ${JSON.stringify(key)} was not seen by this client`);
  }

  #remember(key: string, revision: number, value: string): void {
    this.#values.set(nameOf(key, revision), value);
    if (this.#values.size <= rememberedRevisions) return;
    const [oldest] = this.#values.keys();
    if (oldest !== undefined) this.#values.delete(oldest);
  }
}

function nameOf(key: string, revision: number): string {
  return `${revision} ${key}`;
}

function noteError(open: OpenOperation<Call>, call: Call, error: unknown): void {
  if (!DougError.is(error) || error.outcome !== 'NOT_APPLIED') open.unknown();
  else if (call.op === 'cas' && error.reason === 'COMPARE_FAILED') open.ok({ result: false });
  else open.fail();
}

function refuseUnknown(options: object, known: readonly string[]): void {
  for (const [name, value] of Object.entries(options)) {
    if (value !== undefined && !known.includes(name)) {
      throw new Error(`the option ${name} cannot be recorded`);
    }
  }
}
