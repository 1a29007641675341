import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { freePorts, startChild, stopChild } from './child.js';
import type { Contender, LoadResult, Operation } from './contender.js';

const run = promisify(execFile);
const KEY = 'bench/0000000001';

/**
 * Three members of etcd on loopback, fsync on, as Debian's etcd-server runs them. h2load sends each
 * operation to the leader as one unary gRPC call.
 */
export class EtcdCluster implements Contender {
  readonly name = 'etcd';
  readonly processes: ReadonlyMap<string, readonly number[]>;
  readonly #children;
  readonly #leaderPort: number;
  readonly #dir: string;

  private constructor(
    children: ReturnType<typeof startChild>[],
    leader: number,
    ports: number[],
    dir: string,
  ) {
    this.#children = children;
    this.processes = new Map(
      children.map(({ child }, n) => [`n${n + 1}`, [child.pid as number]] as const),
    );
    this.#leaderPort = ports[leader] as number;
    this.#dir = dir;
  }

  static async start(dir: string): Promise<EtcdCluster> {
    const ports = await freePorts(6);
    const client = ports.slice(0, 3);
    const peers = ports.slice(3);
    const initial = peers.map((port, n) => `m${n}=http://127.0.0.1:${port}`).join(',');
    const children = client.map((port, n) =>
      startChild('etcd', [
        ...['--name', `m${n}`, '--data-dir', join(dir, `etcd-${n}`), '--log-level', 'error'],
        ...['--listen-client-urls', `http://127.0.0.1:${port}`],
        ...['--advertise-client-urls', `http://127.0.0.1:${port}`],
        ...['--listen-peer-urls', `http://127.0.0.1:${peers[n]}`],
        ...['--initial-advertise-peer-urls', `http://127.0.0.1:${peers[n]}`],
        ...['--initial-cluster', initial, '--initial-cluster-state', 'new'],
      ]),
    );
    const leader = await Promise.race([findLeader(client), ...children.map((c) => c.failed)]);
    return new EtcdCluster(children, leader as number, client, dir);
  }

  /** Closed loop with so many calls in flight on one connection. */
  async load(operation: Operation, inFlight: number, seconds: number): Promise<LoadResult> {
    const body = join(this.#dir, `${operation}.bin`);
    writeFileSync(body, grpcFrame(operation === 'put' ? putRequest() : rangeRequest()));
    const path = operation === 'put' ? 'Put' : 'Range';
    const { stdout } = await run('h2load', [
      ...['-D', String(seconds), '--warm-up-time', '1', '-c', '1', '-m', String(inFlight)],
      ...['-d', body, '-H', 'content-type: application/grpc', '-H', 'te: trailers'],
      `http://127.0.0.1:${this.#leaderPort}/etcdserverpb.KV/${path}`,
    ]);
    const rate = /finished in [\d.]+\w+, ([\d.]+) req\/s/.exec(stdout)?.[1];
    const succeeded = /(\d+) succeeded, (\d+) failed/.exec(stdout);
    if (rate === undefined || succeeded === null || Number(succeeded[2]) > 0) {
      throw new Error(`h2load says:\n${stdout}`);
    }
    return { opsPerSecond: Number(rate), operations: Number(succeeded[1]) };
  }

  async stop(): Promise<void> {
    await Promise.all(this.#children.map(({ child }) => stopChild(child)));
  }
}

async function findLeader(ports: readonly number[]): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt++) {
    for (const [n, port] of ports.entries()) {
      const status = await statusOf(port);
      if (status !== null && status.leader === status.header.member_id) return n;
    }
    await sleep(100);
  }
  throw new Error('etcd elected no leader within 20 s');
}

async function statusOf(port: number) {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/v3/maintenance/status`, {
      method: 'POST',
      body: '{}',
    });
    return (await response.json()) as { leader?: string; header: { member_id: string } };
  } catch {
    // Not up yet: the caller asks again, and gives up with an error of its own after 20 s.
    return null;
  }
}

/** etcdserverpb.PutRequest { key = 1, value = 2 }. */
function putRequest(): Buffer {
  return Buffer.concat([field(1, Buffer.from(KEY)), field(2, Buffer.alloc(100, 'v'))]);
}

/** etcdserverpb.RangeRequest { key = 1 }: linearizable by default. */
function rangeRequest(): Buffer {
  return field(1, Buffer.from(KEY));
}

/** A length-delimited field shorter than 128 bytes. */
function field(number: number, bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.from([(number << 3) | 2, bytes.length]), bytes]);
}

function grpcFrame(message: Buffer): Buffer {
  const header = Buffer.alloc(5);
  header.writeUInt32BE(message.length, 1);
  return Buffer.concat([header, message]);
}
