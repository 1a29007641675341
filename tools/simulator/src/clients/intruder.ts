import { DougError, type OpId, PutOperation, PutRequest, PutResponse } from '@dougdb/rpc-proto';
import type { Client, ClientContext, ClientKind } from './client.js';
import { expected, RawCaller, type SessionName } from './raw-caller.js';

const PATIENCE_MS = 2_000;

/** A client that is wrong: commands with fields that nobody knows, and sessions that are over. */
export const intruder: ClientKind = (context) => Promise.resolve(new Intruder(context));

class Intruder implements Client {
  readonly #context: ClientContext;
  readonly #caller: RawCaller;
  /** Sessions that were begun long ago, for all the cluster knows. */
  readonly #old: SessionName[] = [];
  #count = 0;

  constructor(context: ClientContext) {
    this.#context = context;
    this.#caller = new RawCaller(context.cluster, context.random.fork('caller'), context.name);
  }

  async act(): Promise<void> {
    const { cluster, random } = this.#context;
    const key = `${random.pick(cluster.partitioning.keys)}.intruder`;
    if (random.chance(0.5)) await this.#unknownField(key);
    else await this.#oldSession(key);
  }

  conclude(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** INVARIANT(known-fields): a field that this version does not know may mean anything. */
  async #unknownField(key: string): Promise<void> {
    const { random } = this.#context;
    const put = this.#put(key, undefined);
    if (random.chance(0.5)) {
      await this.#isRefused(() => this.#caller.call('Put', withUnknownField(put)));
      return;
    }
    const operation = PutOperation.encode(
      PutOperation.fromPartial({ key: encoder.encode(key), value: encoder.encode(this.#value()) }),
    ).finish();
    const inside = withUnknownField(operation);
    const command = new Uint8Array([PUT_OF_COMMAND, inside.length, ...inside]);
    await this.#isRefused(() => this.#caller.pipe(command));
  }

  async #isRefused(run: () => Promise<unknown>): Promise<void> {
    const { truth, coverage } = this.#context;
    try {
      await run();
      truth.report('known-fields', 'a request with an unknown field was carried out');
    } catch (error) {
      if (!DougError.is(error)) throw error;
      if (error.reason === 'INVALID_ARGUMENT') coverage.hit('unknown-field-refused');
      else this.#caller.follow(error);
    }
  }

  /** The first op of a session that began some time ago. Whether it may take effect says the log. */
  async #oldSession(key: string): Promise<void> {
    const { random, truth, coverage, cluster } = this.#context;
    if (this.#old.length < 4 || random.chance(0.3)) {
      try {
        this.#old.push(await this.#caller.newSession(key, PATIENCE_MS));
      } catch (error) {
        expected(error);
        return;
      }
    }
    const name = random.pick(this.#old);
    const ageMs = random.pick([0, 0, 240_000, 301_000, 700_000]);
    const startedAt = Math.max(0, name.startedAt - ageMs * 4096);
    const opId = { session: random.bytes(16), startedAt, seq: 1, firstIncomplete: 1 };
    try {
      const response = await this.#caller.call('Put', this.#put(key, opId));
      const { revision } = PutResponse.decode(response);
      const logged = truth.partition(cluster.partitioning.partitionOf(key)).answerTo(opId);
      if (logged?.outcome !== 'applied' || logged.revision !== revision) {
        truth.report('answer-as-logged', `put ${key}: told ${revision}, ${JSON.stringify(logged)}`);
      }
    } catch (error) {
      const known = expected(error);
      if (known.reason === 'SESSION_EXPIRED') coverage.hit('session-refused');
      this.#caller.follow(known);
    }
  }

  #value(): string {
    return `${this.#context.name}-${this.#count++}`;
  }

  #put(key: string, opId: OpId | undefined): Uint8Array {
    const value = encoder.encode(this.#value());
    return PutRequest.encode(
      PutRequest.fromPartial({ key: encoder.encode(key), value, ...(opId ? { opId } : {}) }),
    ).finish();
  }
}

/** The tag of Command.put; what is inside is shorter than 128 bytes. */
const PUT_OF_COMMAND = 0x12;

/** Field 15 as a number: nobody knows it. */
function withUnknownField(message: Uint8Array): Uint8Array {
  return new Uint8Array([...message, 0x78, 1]);
}

const encoder = new TextEncoder();
