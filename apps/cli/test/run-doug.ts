import { type ClientOptions, createClient } from '@dougdb/client/core';
import { FakeCluster, type FakeClusterOptions } from '@dougdb/client/testing';
import { NodeClock, NodeRandom } from '@dougdb/ports/node';
import { UsageError } from '../src/cli-errors.js';
import type { Connect } from '../src/context.js';
import { defaultEndpoint } from '../src/globals.js';
import type { Io, Output } from '../src/io.js';
import { run } from '../src/run.js';

/** What a run of `doug` did. */
export interface Ran {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stdoutBytes: Buffer;
  readonly stderr: string;
}

/** What a run gets beside its arguments. */
export interface RunOptions {
  readonly stdin?: string | Uint8Array | AsyncIterable<Uint8Array>;
  readonly files?: Readonly<Record<string, string | Uint8Array>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  /** Standard output and standard error are a terminal. */
  readonly isTty?: boolean;
  readonly columns?: number;
  readonly clientOptions?: Partial<ClientOptions>;
  /** No time passes. */
  readonly steadyClock?: boolean;
  /** Standard output does this instead of keeping what is written. */
  readonly stdout?: Pick<Output, 'write' | 'isGone'>;
  /** Called with what is to be done again and again. */
  readonly every?: (run: () => void) => void;
}

/** Runs `doug` on whatever it connects to. */
export async function runWith(
  connect: Connect,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Ran> {
  const out: Buffer[] = [];
  const err: string[] = [];
  const exitCode = await run(args, makeIo(out, err, options), connect);
  const stdoutBytes = Buffer.concat(out);
  return { exitCode, stdoutBytes, stdout: stdoutBytes.toString(), stderr: err.join('') };
}

/** A cluster in memory and the `doug` command in front of it. */
export class Doug {
  readonly cluster: FakeCluster;
  /** Endpoints of the last run. */
  endpoints = '';
  timeoutMs = 0;

  constructor(options: Partial<FakeClusterOptions> = {}) {
    this.cluster = new FakeCluster({
      clock: new NodeClock(),
      latencyMs: 0,
      chunkEntries: 500,
      ...options,
    });
  }

  run(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
    const connect: Connect = ({ endpoints, timeoutMs }, signal) => {
      this.endpoints = endpoints;
      this.timeoutMs = timeoutMs;
      // The cluster outlives each client.
      const { cluster } = this;
      const known = cluster.facades.length > 0 ? cluster.facades : cluster.endpoints;
      const transport = cluster.transport();
      const unary = transport.unary.bind(transport);
      // The default endpoint is another name of the first.
      transport.unary = (address, ...rest) =>
        unary(address === defaultEndpoint ? (known[0] ?? '') : address, ...rest);
      const ports = { transport, clock: new NodeClock(), random: new NodeRandom() };
      const to = { endpoints: known, codec: 'bytes' as const, timeoutMs, signal };
      return createClient<Uint8Array, Uint8Array>(ports, to);
    };
    return runWith(connect, args, options);
  }
}

function makeIo(out: Buffer[], err: string[], options: RunOptions): Io {
  const { isTty = false, columns = 80 } = options;
  const kept = {
    isGone: false,
    write: async (data: string | Uint8Array) => {
      out.push(Buffer.from(data as Uint8Array));
    },
  };
  const stdout = options.stdout ?? kept;
  return {
    stdout: {
      ...{ isTty, columns },
      write: (data) => stdout.write(data),
      get isGone() {
        return stdout.isGone;
      },
    },
    stderr: {
      ...{ isTty, columns, isGone: false },
      write: async (data) => {
        err.push(Buffer.from(data as Uint8Array).toString());
      },
    },
    env: options.env ?? {},
    signal: options.signal ?? new AbortController().signal,
    nowMs: () => (options.steadyClock === true ? 0 : performance.now()),
    every: (_, run) => {
      options.every?.(run);
      return () => {};
    },
    open: async (path) => {
      const content = path === '-' ? (options.stdin ?? '') : options.files?.[path];
      if (content === undefined) throw new UsageError(`cannot read ${path}: no such file`);
      if (typeof content === 'object' && Symbol.asyncIterator in content) {
        return { chunks: content, sizeBytes: undefined };
      }
      const bytes = Buffer.from(content as Uint8Array);
      return { chunks: inPieces(bytes), sizeBytes: bytes.length };
    },
  };
}

/** Pieces whose ends lie anywhere, in the middle of a character too. */
async function* inPieces(bytes: Buffer): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 7919) yield bytes.subarray(at, at + 7919);
}
