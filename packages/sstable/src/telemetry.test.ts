import { recordingMetrics } from '@dougdb/ports/sim';
import { Machine, put, tiny } from '../test/support/databases.js';

describe('metrics', () => {
  it('tell what flushes, compactions and failures did', async () => {
    const metrics = recordingMetrics();
    const machine = new Machine({ ...tiny, metrics });
    const db = await machine.open();
    machine.fs.failNext({ kind: 'create', path: /sst$/ }, 'EIO');
    for (let i = 1; i <= 60; i++) {
      put(db, i, `key${i % 7}`);
      db.setHistoryFloor(i);
      if (i % 10 === 0) await machine.flush(db, `H${i}`);
    }
    await machine.run(db.compact());
    const { flushes, compactions } = db.stats();
    const value = (name: string, labels = {}): number =>
      metrics.value(`doug_sst_${name}`, labels) ?? 0;
    expect(value('flushes_total')).toBe(flushes);
    expect(value('compactions_total')).toBe(compactions);
    expect(compactions).toBeGreaterThan(0);
    expect(value('flushed_bytes_total')).toBeGreaterThan(1000);
    expect(value('compaction_read_bytes_total')).toBeGreaterThan(
      value('compaction_written_bytes_total'),
    );
    expect(value('compaction_written_bytes_total')).toBeGreaterThan(0);
    expect(value('removed_files_total')).toBeGreaterThan(0);
    expect(value('manifest_rotations_total')).toBe(1);
    expect(value('background_errors_total', { severity: 'retried' })).toBe(1);
  });
});
