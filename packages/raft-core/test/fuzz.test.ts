/** Whatever a peer sends: no throw, a status, and nothing committed is taken back. */
import { type Message, MessageType, StepStatus } from '../src/index.js';
import { entry, Host, message, voters } from './harness/host.js';
import { Prng } from './harness/prng.js';

const seed = Number(process.env.RAFT_FUZZ_SEED ?? 1);
const replay = `RAFT_FUZZ_SEED=${seed} npx jest --selectProjects raft-core -- fuzz`;
const statuses: ReadonlySet<string> = new Set(Object.values(StepStatus));
const types = Object.values(MessageType);

const junk: readonly unknown[] = [
  null,
  undefined,
  -1,
  1.5,
  Number.NaN,
  2 ** 60,
  'x',
  {},
  [],
  true,
  7n,
];

const pickJunk = (prng: Prng): unknown => junk[prng.between(0, junk.length - 1)];

/** Mostly plausible, with small numbers, so that it gets far; sometimes rubbish in one field. */
function randomMessage(prng: Prng): Message {
  const term = prng.between(0, 5);
  const index = prng.between(0, 6);
  const m: Record<string, unknown> = {
    type: prng.pick(types),
    to: 1,
    from: prng.between(1, 5),
    term,
    logTerm: prng.between(0, 5),
    index,
    entries: randomEntries(prng, index, term),
    commit: prng.between(0, 9),
    reject: prng.chance(0.3),
    rejectHint: prng.between(0, 6),
    force: prng.chance(0.2),
    readToken: prng.between(0, 3),
    repairIndex: prng.chance(0.2) ? prng.between(0, 6) : 0,
    denyTerm: prng.chance(0.2) ? prng.between(0, 6) : 0,
    snapshot: prng.chance(0.3) ? randomSnapshot(prng) : null,
  };
  if (
    (m.type === MessageType.MsgEntryReq || m.type === MessageType.MsgEntryResp) &&
    prng.chance(0.9)
  ) {
    m.term = 0;
    m.index = 3;
    m.logTerm = 2;
    const isAnswer = m.type === MessageType.MsgEntryResp && m.reject === false;
    m.entries = isAnswer ? [entry(2, 3)] : [];
  }
  if (prng.chance(0.1)) m[prng.pick(Object.keys(m))] = pickJunk(prng);
  return m as unknown as Message;
}

function randomEntries(prng: Prng, index: number, term: number): unknown {
  if (prng.chance(0.5)) return [];
  return Array.from({ length: prng.between(1, 3) }, (_, i) =>
    prng.chance(0.05) ? pickJunk(prng) : entry(prng.between(1, Math.max(1, term)), index + 1 + i),
  );
}

function randomSnapshot(prng: Prng): unknown {
  const confState = prng.chance(0.1)
    ? pickJunk(prng)
    : { ...voters(1, prng.between(1, 4)), autoLeave: prng.chance(0.1) };
  return { index: prng.between(0, 9), term: prng.between(0, 5), confState };
}

describe('step()', () => {
  it(`takes anything (${replay})`, () => {
    const prng = new Prng(seed);
    const seen = new Map<string, number>();
    const typesTaken = new Set<number>();
    for (let life = 0; life < 800; life++) {
      const isDamaged = prng.chance(0.3);
      const options = {
        conf: { ...voters(1, 2, 3), learners: [4] },
        terms: [1, 2, 2],
        commit: prng.between(0, 2),
        preVote: prng.chance(0.5),
        repair: prng.chance(0.7),
        electionTick: 5,
        heartbeatTick: 1,
        applied: 0,
        lease: prng.chance(0.2) ? { electionTimeoutMs: 50, tickMs: 10 } : null,
      };
      const host = new Host(1, options, (storage) => {
        if (isDamaged) storage.damage(3);
      });
      if (prng.chance(0.5)) host.elect();
      if (prng.chance(0.5)) host.step(message(MessageType.MsgHeartbeat, 2, 1, 2));
      host.node.readIndex();
      host.run();
      for (let i = 0; i < 40; i++) {
        const m = randomMessage(prng);
        const before = host.node.status();
        const status = host.node.step(m);
        seen.set(status, (seen.get(status) ?? 0) + 1);
        if (status === 'ok') typesTaken.add(m.type);
        if (!statuses.has(status)) throw new Error(`status ${status}`);
        const after = host.node.status();
        if (after.commit < before.commit || after.term < before.term) throw new Error('taken back');
        if (status === 'invalid' || status === 'unknown-peer' || status === 'lost-log') {
          expect(after).toEqual(before);
        }
        host.run();
        if (prng.chance(0.1)) host.tick(prng.between(1, 6));
      }
    }
    // It got everywhere.
    expect([...statuses].filter((status) => !seen.has(status))).toEqual([]);
    expect([...types].filter((type) => !typesTaken.has(type))).toEqual([]);
  });

  it.each(junk.map((value) => [String(value), value]))(
    'refuses %s for a message',
    (_name, value) => {
      const host = new Host(1);
      expect(host.node.step(value as Message)).toBe('invalid');
    },
  );
});
