// What watches cost a member that takes writes: processor time, and how late they hear.
// After a build: node --expose-gc packages/member/bench/watches.mjs [SMALL] [WHOLE] [WRITES A SECOND]
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Member } from '@dougdb/member';
import { silentLogger, silentMetrics } from '@dougdb/ports';
import { NodeClock, NodeFs, NodeRandom } from '@dougdb/ports/node';
import { defaultReplicaSettings } from '@dougdb/replica';
import {
  encodePut,
  PipeRequestWriter,
  WatchCreate,
  WatchRequest,
  WatchResponse,
} from '@dougdb/rpc-proto';

const [SMALL = 1_000, WHOLE = 20, WRITES_PER_SECOND = 5_000] = process.argv.slice(2).map(Number);
const RUN_MS = 8_000;
const TURN_MS = 5;
const VALUE_BYTES = 256;
const utf8 = new TextEncoder();
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Not durable: nothing is started again. */
class HardStates {
  #values = new Map();
  get(id) {
    return this.#values.get(id) ?? null;
  }
  put(id, value) {
    this.#values.set(id, value.slice());
    return Promise.resolve();
  }
  replicaIds() {
    return [...this.#values.keys()];
  }
  close() {
    return Promise.resolve();
  }
}

async function openMember(dataDir, clock) {
  const hardState = new HardStates();
  const member = await Member.open({
    dataDir,
    fs: new NodeFs(),
    clock,
    random: new NodeRandom(),
    logger: silentLogger,
    metrics: silentMetrics,
    network: {
      openLink: () => ({ send: () => false, close() {} }),
      genesis: () => Promise.reject(new Error('nobody')),
    },
    openHardState: () => Promise.resolve(hardState),
    advertise: '127.0.0.1:1',
    join: [],
    settings: {
      splitAt: [],
      replicationFactor: 5,
      tickMs: 10,
      replica: defaultReplicaSettings,
      memtableBytes: 16 << 20,
      memtableBudgetBytes: 64 << 20,
      blockCacheBytes: 96 << 20,
      walSegmentBytes: 16 << 20,
    },
    onFatal: (code, error) => console.error('fatal', code, error),
    version: 'bench',
  });
  await member.whenJoined();
  while (member.notReadyReason() !== null) await wait(5);
  return member;
}

const keyOf = (n) => utf8.encode(`key-${String(n % SMALL).padStart(6, '0')}/${n}`);

/** Watches on one stream; messages are counted, and kept to be looked at afterwards. */
function openWatches(member, ranges) {
  const told = { messages: 0, kept: [] };
  const session = member.openWatches({
    queuedBytes: 0,
    send: (response) => {
      told.messages++;
      told.kept.push(response);
    },
    fail: (error) => console.error('stream failed', error),
  });
  for (const [at, { start, end }] of ranges.entries()) {
    const create = WatchCreate.fromPartial({ watchId: at + 1, start, end });
    session.received(WatchRequest.encode({ request: { $case: 'create', value: create } }).finish());
  }
  return Object.assign(told, { session });
}

async function measure(small, whole) {
  const dataDir = mkdtempSync(join(tmpdir(), 'doug-watches-'));
  const member = await openMember(dataDir, new NodeClock());
  const bound = (n) => utf8.encode(`key-${String(n).padStart(6, '0')}`);
  const told = [
    openWatches(
      member,
      Array.from({ length: small }, (_, n) => ({ start: bound(n), end: bound(n + 1) })),
    ),
    openWatches(
      member,
      Array.from({ length: whole }, () => ({})),
    ),
  ];
  await wait(500);
  const opened = told.map(({ messages }) => messages);
  let answered = 0;
  const pipe = member.openPipe({
    send: () => answered++,
    drained: () => undefined,
    fail: (error) => console.error('pipe failed', error),
  });
  const value = new Uint8Array(VALUE_BYTES);
  let written = 0;
  globalThis.gc?.();
  const cpu = process.cpuUsage();
  const began = performance.now();
  while (performance.now() - began < RUN_MS) {
    const due = Math.floor(((performance.now() - began) / 1000) * WRITES_PER_SECOND);
    const writer = new PipeRequestWriter();
    writer.begin(written + 1, new Uint8Array(0));
    let added = 0;
    for (; written < due && added < 256; added++, written++) {
      writer.addCommand(0, 0, 0, false, encodePut(null, keyOf(written), value));
    }
    if (added > 0) pipe.received(writer.finish());
    await wait(TURN_MS);
  }
  const { user, system } = process.cpuUsage(cpu);
  const elapsedMs = performance.now() - began;
  await wait(500);
  const events = told.map(({ kept }) =>
    kept.reduce((sum, bytes) => sum + WatchResponse.decode(bytes).events.length, 0),
  );
  pipe.closed();
  for (const { session } of told) session.closed();
  await member.close();
  rmSync(dataDir, { recursive: true, force: true });
  const messages = told.map((one, at) => one.messages - opened[at]);
  return { cpuPercent: (user + system) / 10 / elapsedMs, written, events, messages };
}

const without = await measure(0, 0);
const few = await measure(0, WHOLE);
const all = await measure(SMALL, WHOLE);
for (const [name, { cpuPercent, written, events, messages }] of Object.entries({
  'no watch': without,
  [`${WHOLE} of everything`]: few,
  [`${WHOLE} of everything and ${SMALL} small`]: all,
})) {
  console.log(
    `${name}: ${written} writes, ${cpuPercent.toFixed(1)} % of a core; told ${events.join(' + ')} events in ${messages.join(' + ')} messages`,
  );
}
