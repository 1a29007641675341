import { Alone } from './support/alone.js';
import { del, opId, put } from './support/commands.js';
import { type Answer, brief } from './support/sink.js';

const OPS = 14;
const settings = { freezeLogEntries: 4, retainLogBytes: 0 };

/** Op `seq` of the one session: each key is overwritten and deleted now and then. */
function command(startedAt: number, seq: number): Uint8Array {
  const id = opId(1, startedAt, seq);
  return seq % 5 === 0 ? del(`k${seq % 3}`, id) : put(`k${seq % 3}`, `v${seq}`, id);
}

/** What the keys hold after ops 1 to `count`, each once, at the revision of its seq. */
function expected(count: number): string[] {
  return [0, 1, 2].map((key) => {
    for (let seq = count; seq >= 1; seq--) {
      if (seq % 3 === key) return seq % 5 === 0 ? 'absent' : `found v${seq} ${seq}`;
    }
    return 'absent';
  });
}

/** Runs the ops until the power fails; answers what came back. */
async function workload(alone: Alone, startedAt: number): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (let seq = 1; seq <= OPS; seq++) {
    const { sink } = alone.node;
    const id = alone.node.send(command(startedAt, seq), { timeoutMs: 200 });
    for (let i = 0; i < 100 && !sink.answers.has(id); i++) await alone.scheduler.advance(3);
    const answer = sink.answers.get(id);
    if (answer === undefined || brief(answer) !== `written ${seq}`) return answers;
    answers.push(answer);
  }
  await alone.scheduler.advance(20);
  return answers;
}

describe('a power loss', () => {
  it('INVARIANT(applied-once), INVARIANT(frontier-atomic): at any operation loses nothing acknowledged and applies nothing twice', async () => {
    const whole = await Alone.started({ settings });
    const first = whole.node.fs.mutationCount;
    expect(await workload(whole, whole.now)).toHaveLength(OPS);
    const last = whole.node.fs.mutationCount;
    expect(last - first).toBeGreaterThan(3 * OPS);
    let interrupted = 0;
    for (let at = first + 1; at <= last; at++) {
      const alone = await Alone.started({ settings });
      const startedAt = alone.now;
      alone.node.fs.crashAtMutation(at);
      const acknowledged = (await workload(alone, startedAt)).length;
      if (acknowledged < OPS) interrupted++;
      alone.node.crash([0, 50, 100][at % 3]);
      await alone.start();
      const { revision } = alone.node.replica.status();
      // What was acknowledged is there; of the rest at most the one op that was under way.
      expect([at, revision >= acknowledged, revision <= acknowledged + 1]).toEqual([
        at,
        true,
        true,
      ]);
      expect(await alone.all(['k0', 'k1', 'k2'].map((key) => alone.node.read(key)))).toEqual(
        expected(revision),
      );
      // Everything is sent again, as a client does that got no answer.
      for (let seq = 1; seq <= OPS; seq++) {
        expect(await alone.write(command(startedAt, seq))).toBe(`written ${seq}`);
      }
      expect(await alone.all(['k0', 'k1', 'k2'].map((key) => alone.node.read(key)))).toEqual(
        expected(OPS),
      );
      expect(alone.node.fatal.length).toBeLessThanOrEqual(1);
    }
    expect(interrupted).toBeGreaterThan(OPS);
  });
});
