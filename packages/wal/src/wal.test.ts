import { entries, entry, Rig, show } from '../test/rig.js';

describe('Wal', () => {
  it('reads back what it appended, before and after a restart', async () => {
    const rig = new Rig();
    const { wal, report } = await rig.open();
    expect(report).toEqual({
      logs: [],
      tail: 'clean',
      tornBytes: 0,
      corruptions: [],
      lostFrames: 0,
    });
    wal.append(7, entries(1, 3), 2);
    await rig.durable(wal);
    const lines = ['prefix 0/0', '1/1 e1', '2/1 e2', '3/1 e3', 'hint 2'];
    expect(show(wal, 7)).toEqual(lines);
    await rig.close(wal);
    const again = await rig.open();
    expect(again.report.tail).toBe('clean');
    expect(show(again.wal, 7)).toEqual(lines);
    again.wal.append(7, [entry(4)], 0);
    await rig.durable(again.wal);
    const crashed = rig.afterCrash();
    const third = await crashed.open();
    expect(show(third.wal, 7)).toEqual([...lines.slice(0, 4), '4/1 e4', 'hint 2']);
  });
});
