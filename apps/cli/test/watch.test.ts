import { Doug } from './run-doug.js';

/** A watch on a cluster in memory, and what it has printed. */
function watching(doug: Doug, args: readonly string[]) {
  const stop = new AbortController();
  const printed: string[] = [];
  let told: () => void = () => undefined;
  const ran = doug.run(['watch', ...args], {
    signal: stop.signal,
    stdout: {
      isGone: false,
      write: async (data) => {
        printed.push(Buffer.from(data as Uint8Array).toString());
        told();
      },
    },
  });
  return {
    ...{ stop, printed, ran },
    /** Until so many lines are printed. */
    lines: async (count: number) => {
      while (printed.length < count) await new Promise<void>((resolve) => (told = resolve));
    },
    /** Until the cluster serves it. */
    stands: async (watches: number) => {
      while (doug.cluster.openWatches < watches) {
        await new Promise((resolve) => setImmediate(resolve));
      }
    },
  };
}

describe('doug watch', () => {
  it('prints what happens, when it happens, and after Ctrl-C where it goes on', async () => {
    const doug = new Doug({ splitAt: ['m'] });
    const watch = watching(doug, []);
    await watch.stands(2);
    await doug.run(['put', 'a', '1']);
    await watch.lines(1);
    await doug.run(['put', 'z', '1']);
    await watch.lines(2);
    watch.stop.abort();
    const { exitCode, stderr } = await watch.ran;
    expect(watch.printed).toEqual(['put     1  a  1\n', 'put     1  z  1\n']);
    const token = /^doug: interrupted \[DOUG_ABORTED\]\nhint: go on with --from ([\w-]+)\n$/.exec(
      stderr,
    );
    expect([exitCode, token === null]).toEqual([130, false]);

    await doug.run(['del', 'a']);
    const rest = await doug.run(['watch', '--from', token?.[1] ?? '', '--limit', '1']);
    expect([rest.exitCode, rest.stdout]).toEqual([0, 'delete  2  a\n']);
  });

  it('tells where it goes on as JSON, too, and after every event', async () => {
    const doug = new Doug();
    const watch = watching(doug, ['--prefix', 'user/', '-o', 'json']);
    await watch.stands(1);
    for (const value of ['1', '2', '3']) await doug.run(['put', 'user/1', value]);
    await watch.lines(3);
    watch.stop.abort();
    const { exitCode, stderr } = await watch.ran;
    const tokens = watch.printed.map((line) => (JSON.parse(line) as { token: string }).token);
    expect(JSON.parse(stderr)).toEqual({
      ...{ code: 'DOUG_ABORTED', outcome: 'NOT_APPLIED', message: 'interrupted' },
      token: tokens[2],
    });
    expect(exitCode).toBe(130);
    const rest = await doug.run(['watch', '--from', tokens[0] ?? '', '--limit', '2', '-o', 'raw']);
    expect(rest.stdout).toBe('put\tuser/1\t2\nput\tuser/1\t3\n');
  });

  it('ends quietly when its reader goes, and leaves nothing open', async () => {
    const doug = new Doug();
    for (const value of ['1', '2']) await doug.run(['put', 'a', value]);
    let isGone = false;
    const { exitCode, stderr } = await doug.run(['watch', '--from-revision', '1'], {
      stdout: {
        get isGone() {
          return isGone;
        },
        write: async () => {
          isGone = true;
        },
      },
    });
    expect([exitCode, stderr]).toEqual([0, '']);
    expect([doug.cluster.openWatches, doug.cluster.openWatchStreams]).toEqual([0, 0]);
  });

  it('fails where history does not reach back to its token', async () => {
    const doug = new Doug();
    const first = watching(doug, []);
    await first.stands(1);
    await doug.run(['put', 'a', '1']);
    await first.lines(1);
    first.stop.abort();
    const token = / --from ([\w-]+)/.exec((await first.ran).stderr)?.[1] ?? '';
    for (const value of ['2', '3']) await doug.run(['put', 'a', value]);
    for (const { history } of doug.cluster.partitions) history.floor = 3;
    const { exitCode, stderr } = await doug.run(['watch', '--from', token]);
    expect(stderr).toContain('[DOUG_COMPACTED]\n');
    expect(exitCode).toBe(1);
  });

  it('refuses a token that is none, and one whose range is smaller', async () => {
    const doug = new Doug();
    const watch = watching(doug, ['--prefix', 'user/']);
    await watch.stands(1);
    await doug.run(['put', 'user/1', '1']);
    await watch.lines(1);
    watch.stop.abort();
    const token = / --from ([\w-]+)/.exec((await watch.ran).stderr)?.[1] ?? '';
    for (const args of [
      ['--from', 'garbage'],
      ['--prefix', 'other/', '--from', token],
    ]) {
      const { exitCode, stderr } = await doug.run(['watch', ...args]);
      expect([exitCode, stderr]).toEqual([2, expect.stringContaining('[DOUG_INVALID_ARGUMENT]')]);
    }
  });
});
