import { Alone } from './support/alone.js';
import { CommandModel, type Op } from './support/command-model.js';
import { del, opId, put } from './support/commands.js';
import { type Answer, brief } from './support/sink.js';
import { briefDeletion, briefTxn } from './support/txns.js';

const KEYS = ['k0', 'k1', 'k2'];
const settings = { freezeLogEntries: 4, retainLogBytes: 0 };

/** An op, its answer, and what the partition holds when it was carried out behind those before it. */
interface Step {
  readonly command: (startedAt: number) => Uint8Array;
  readonly answer: string;
  readonly revision: number;
  readonly found: readonly string[];
  /** How its answer is told; left out: as that of a single key. */
  readonly tell?: (answer: Answer) => string;
}

/** Each key is overwritten and deleted now and then. */
function blindScript(count: number): Step[] {
  const steps: Step[] = [];
  const found = KEYS.map(() => 'absent');
  for (let seq = 1; seq <= count; seq++) {
    const at = seq % KEYS.length;
    const [key, isDelete] = [KEYS[at] as string, seq % 5 === 0];
    found[at] = isDelete ? 'absent' : `found v${seq} ${seq}`;
    steps.push({
      command: (startedAt) => {
        const id = opId(1, startedAt, seq);
        return isDelete ? del(key, id) : put(key, `v${seq}`, id);
      },
      answer: `written ${seq}`,
      revision: seq,
      found: [...found],
    });
  }
  return steps;
}

/** Every op looks first; what it finds, and so its answer, rests on all that came before. */
function lookingScript(count: number): Step[] {
  const steps: Step[] = [];
  const held = new Map<string, { readonly value: string; readonly revision: number }>();
  let revision = 0;
  for (let seq = 1; seq <= count; seq++) {
    const key = KEYS[(seq * 7) % KEYS.length] as string;
    const value = `v${seq}`;
    const before = held.get(key);
    const kind = seq % 6;
    const conditions = {
      returnPrevious: true,
      ...(kind === 1 ? { ifAbsent: true } : {}),
      ...(kind === 2 || kind === 4 ? { ifRevision: before?.revision ?? 9 } : {}),
      ...(kind === 3 ? { ifRevision: Math.max(1, revision - 1) } : {}),
    };
    const isDelete = kind === 4 || kind === 0;
    const isRefused =
      (kind === 1 && before !== undefined) ||
      ('ifRevision' in conditions && conditions.ifRevision !== before?.revision);
    if (!isRefused && !(isDelete && before === undefined)) {
      revision++;
      if (isDelete) held.delete(key);
      else held.set(key, { value, revision });
    }
    const was = before === undefined ? 'nothing' : `${before.value} ${before.revision}`;
    steps.push({
      command: (startedAt) => {
        const id = opId(1, startedAt, seq);
        return isDelete ? del(key, id, conditions) : put(key, value, id, conditions);
      },
      answer: `${isRefused ? 'refused' : 'done'} ${revision} was ${was}`,
      revision,
      found: KEYS.map((name) => {
        const entry = held.get(name);
        return entry === undefined ? 'absent' : `found ${entry.value} ${entry.revision}`;
      }),
    });
  }
  return steps;
}

/** Transactions and deletes of ranges, as the model carries them out. */
function txnScript(count: number): Step[] {
  const model = new CommandModel();
  const steps: Step[] = [];
  const span = { start: 'k0', end: 'k2' };
  for (let seq = 1; seq <= count; seq++) {
    const [key, other] = [KEYS[seq % 3] as string, KEYS[(seq + 1) % 3] as string];
    const put = { step: 'put', key, value: `v${seq}`, returnPrevious: true } as const;
    const move: Op = {
      op: 'txn',
      conditions: [{ key, end: '', about: 'exists', isThere: seq % 4 < 2 }],
      success: [put, { step: 'delete', key: other, returnPrevious: true }, { step: 'get', key }],
      failure: [
        { step: 'scan', span: { start: 'k', end: 'l' }, limit: 2, reverse: true, keysOnly: false },
        { ...put, key: other },
        put,
      ],
    };
    const op: Op = seq % 5 === 0 ? { op: 'delete-range', span, limit: 1 } : move;
    const before = model.revision;
    const { answer } = model.apply(op, null);
    if (model.revision === before)
      throw new Error(`op ${seq} does nothing: the test needs one that does`);
    steps.push({
      command: (startedAt) => new CommandModel().apply(op, opId(1, startedAt, seq)).command,
      answer,
      revision: model.revision,
      found: KEYS.map((name) => {
        const held = model.held.get(name);
        return held === undefined ? 'absent' : `found ${held.value} ${held.revision}`;
      }),
      tell: op.op === 'txn' ? briefTxn : briefDeletion,
    });
  }
  return steps;
}

/** Runs the ops until the power fails; answers how many were acknowledged. */
async function workload(alone: Alone, script: readonly Step[], startedAt: number): Promise<number> {
  const { sink } = alone.node;
  for (const [done, { command, answer, tell = brief }] of script.entries()) {
    const id = alone.node.send(command(startedAt), { timeoutMs: 200 });
    for (let i = 0; i < 100 && !sink.answers.has(id); i++) await alone.scheduler.advance(3);
    const given = sink.answers.get(id);
    if (given === undefined || given.kind === 'failed') return done;
    expect(tell(given)).toBe(answer);
  }
  await alone.scheduler.advance(20);
  return script.length;
}

/** After a crash: what was acknowledged is there, of the rest at most the op that was under way. */
async function expectNothingLost(
  alone: Alone,
  script: readonly Step[],
  acknowledged: number,
): Promise<void> {
  const held = await alone.all(KEYS.map((key) => alone.node.read(key)));
  const { revision } = alone.node.replica.status();
  const possible = [acknowledged, acknowledged + 1].map((count) => {
    const step = script[Math.min(count, script.length) - 1];
    return { revision: step?.revision ?? 0, found: step?.found ?? KEYS.map(() => 'absent') };
  });
  expect(possible).toContainEqual({ revision, found: held });
}

/** As a client does that got no answer: everything again. */
async function sendAgain(alone: Alone, script: readonly Step[], startedAt: number): Promise<void> {
  for (const { command, answer, tell = brief } of script) {
    expect(tell(await alone.run(alone.node.write(command(startedAt))))).toBe(answer);
  }
  const { revision, found } = script.at(-1) as Step;
  expect(await alone.all(KEYS.map((key) => alone.node.read(key)))).toEqual(found);
  expect(alone.node.replica.status().revision).toBe(revision);
}

/** Starts, and loses power after so many operations, or when the log is replayed. */
async function crashOnStart(alone: Alone, operations: number): Promise<void> {
  const { node } = alone;
  node.fs.crashAtOperation(node.fs.operationCount + 1 + operations);
  await alone.start().catch((error: unknown) => {
    if (!node.fs.crashed) throw error;
  });
  node.crash([0, 50, 100][operations % 3]);
}

describe('a power loss', () => {
  it('INVARIANT(applied-once), INVARIANT(frontier-atomic): at any operation loses nothing acknowledged and applies nothing twice', async () => {
    const script = blindScript(14);
    const whole = await Alone.started({ settings });
    const first = whole.node.fs.mutationCount;
    expect(await workload(whole, script, whole.now)).toBe(script.length);
    const last = whole.node.fs.mutationCount;
    expect(last - first).toBeGreaterThan(3 * script.length);
    let interrupted = 0;
    for (let at = first + 1; at <= last; at++) {
      const alone = await Alone.started({ settings });
      const startedAt = alone.now;
      alone.node.fs.crashAtMutation(at);
      const acknowledged = await workload(alone, script, startedAt);
      if (acknowledged < script.length) interrupted++;
      alone.node.crash([0, 50, 100][at % 3]);
      await alone.start();
      await expectNothingLost(alone, script, acknowledged);
      await sendAgain(alone, script, startedAt);
      expect(alone.node.fatal.length).toBeLessThanOrEqual(1);
    }
    expect(interrupted).toBeGreaterThan(script.length);
  });

  it('INVARIANT(look-at-place): at any operation, reads among them, changes nothing of what writes find that look first', async () => {
    const script = lookingScript(13);
    // Without a cache every look at a table is a read of the disk, also when the log is replayed.
    const options = { settings, cacheBytes: 0, level0Tables: 2 };
    const whole = await Alone.started(options);
    const first = whole.node.fs.operationCount;
    expect(await workload(whole, script, whole.now)).toBe(script.length);
    const last = whole.node.fs.operationCount;
    const hash = whole.node.replica.stateHash()?.hash;
    expect(script.filter(({ answer }) => answer.startsWith('refused'))).toHaveLength(3);
    expect(whole.node.db.stats().compactions).toBeGreaterThan(0);
    let interrupted = 0;
    for (let at = first + 1; at <= last; at++) {
      const alone = await Alone.started(options);
      const startedAt = alone.now;
      alone.node.fs.crashAtOperation(at);
      const acknowledged = await workload(alone, script, startedAt);
      if (acknowledged < script.length) interrupted++;
      alone.node.crash([0, 50, 100][at % 3]);
      // Every other time the power fails once more while the log is replayed.
      if (at % 2 === 0) await crashOnStart(alone, at % 60);
      await alone.start();
      await expectNothingLost(alone, script, acknowledged);
      await sendAgain(alone, script, startedAt);
      expect([at, alone.node.replica.stateHash()?.hash]).toEqual([at, hash]);
    }
    expect(interrupted).toBeGreaterThan(script.length);
  });

  it('INVARIANT(txn-atomic): at any operation leaves a transaction whole or not begun, and it answers as the first time', async () => {
    const script = txnScript(9);
    const options = { settings, cacheBytes: 0, level0Tables: 2 };
    const whole = await Alone.started(options);
    const first = whole.node.fs.operationCount;
    expect(await workload(whole, script, whole.now)).toBe(script.length);
    const last = whole.node.fs.operationCount;
    const hash = whole.node.replica.stateHash()?.hash;
    let interrupted = 0;
    for (let at = first + 1; at <= last; at += 3) {
      const alone = await Alone.started(options);
      const startedAt = alone.now;
      alone.node.fs.crashAtOperation(at);
      const acknowledged = await workload(alone, script, startedAt);
      if (acknowledged < script.length) interrupted++;
      alone.node.crash([0, 50, 100][at % 3]);
      if (at % 2 === 0) await crashOnStart(alone, at % 60);
      await alone.start();
      await expectNothingLost(alone, script, acknowledged);
      await sendAgain(alone, script, startedAt);
      expect([at, alone.node.replica.stateHash()?.hash]).toEqual([at, hash]);
    }
    expect(interrupted).toBeGreaterThan(script.length);
  });
});
