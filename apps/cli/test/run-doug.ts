import { type ClientOptions, createClient } from '@dougdb/client/core';
import { FakeCluster, type FakeClusterOptions } from '@dougdb/client/testing';
import { NodeClock, NodeRandom } from '@dougdb/ports/node';
import type { Connect } from '../src/context.js';
import type { Io } from '../src/io.js';
import { run } from '../src/run.js';
import { UsageError } from '../src/usage-error.js';

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
  readonly isTty?: boolean;
  readonly columns?: number;
  readonly clientOptions?: Partial<ClientOptions>;
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

  async run(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
    const out: Buffer[] = [];
    const err: string[] = [];
    const connect: Connect = ({ endpoints, timeoutMs }, signal) => {
      this.endpoints = endpoints;
      this.timeoutMs = timeoutMs;
      // The cluster outlives each client.
      const { cluster } = this;
      const transport = {
        unary: cluster.unary.bind(cluster),
        openPipe: cluster.openPipe.bind(cluster),
        stream: cluster.stream.bind(cluster),
        close: () => cluster.breakPipes(),
      };
      const ports = { transport, clock: new NodeClock(), random: new NodeRandom() };
      const to = { endpoints: cluster.endpoints, codec: 'bytes' as const, timeoutMs, signal };
      return createClient<Uint8Array, Uint8Array>(ports, to);
    };
    const exitCode = await run(args, makeIo(out, err, options), connect);
    const stdoutBytes = Buffer.concat(out);
    return { exitCode, stdoutBytes, stdout: stdoutBytes.toString(), stderr: err.join('') };
  }
}

function makeIo(out: Buffer[], err: string[], options: RunOptions): Io {
  const { isTty = false, columns = 80 } = options;
  return {
    stdout: {
      isTty,
      columns,
      write: async (data) => {
        out.push(Buffer.from(data as Uint8Array));
      },
    },
    stderr: {
      isTty: false,
      columns,
      write: async (data) => {
        err.push(Buffer.from(data as Uint8Array).toString());
      },
    },
    env: options.env ?? {},
    signal: options.signal ?? new AbortController().signal,
    nowMs: () => performance.now(),
    every: () => () => {},
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
