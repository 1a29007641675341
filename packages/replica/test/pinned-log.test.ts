import { Alone } from './support/alone.js';
import { put } from './support/commands.js';

/** Writes so many entries, one after the other. Answers the index of the last one. */
async function write(alone: Alone, count: number): Promise<number> {
  for (let i = 0; i < count; i++) await alone.write(put(`k${i}`, 'v'));
  return alone.node.replica.status().appliedIndex;
}

function firstIndex({ node }: Alone): number {
  return node.wal.log(node.replica.replicaId).firstIndex();
}

/** So long it takes until a replica looks at its frontier by itself. */
const LOOK_MS = 60_000;

describe('a log that keeps the oldest segment of the WAL', () => {
  it('is compacted up to what is in the way, although it would be retained otherwise', async () => {
    const alone = await Alone.started();
    const { node } = alone;
    const begins = firstIndex(alone);
    const through = await write(alone, 20);
    await alone.scheduler.advance(LOOK_MS);
    expect(firstIndex(alone)).toBe(begins);
    node.replica.logPinned(through);
    await alone.run(node.db.flushed());
    await alone.scheduler.advance(1);
    expect(firstIndex(alone)).toBe(through + 1);
    // What comes behind it is retained again, and everything is there after a restart.
    const more = await write(alone, 5);
    await alone.scheduler.advance(LOOK_MS);
    expect(firstIndex(alone)).toBe(through + 1);
    await alone.restart();
    expect(node.replica.status().appliedIndex).toBeGreaterThanOrEqual(more);
    expect(await alone.read('k19')).toContain('v');
  });

  it('goes once it is applied, where it is not yet', async () => {
    const alone = await Alone.started();
    const { node } = alone;
    const applied = await write(alone, 3);
    node.replica.logPinned(applied + 10);
    const later = await write(alone, 20);
    await alone.scheduler.advance(LOOK_MS);
    await alone.run(node.db.flushed());
    await alone.scheduler.advance(LOOK_MS);
    const first = firstIndex(alone);
    // A place where a freeze was made: the first one behind what is in the way.
    expect(first).toBeGreaterThan(applied + 10);
    expect(first).toBeLessThanOrEqual(later + 1);
  });

  it('is never compacted beyond what is durable', async () => {
    const alone = await Alone.started();
    const { node } = alone;
    const begins = firstIndex(alone);
    const through = await write(alone, 20);
    node.fs.onOperation(({ kind, path }) =>
      kind === 'datasync' && path.endsWith('.sst') ? { fault: 'stall' } : 'ok',
    );
    node.replica.logPinned(through);
    await alone.scheduler.advance(LOOK_MS);
    expect(firstIndex(alone)).toBe(begins);
    node.fs.onOperation(null);
    node.fs.releaseStalled();
    await alone.run(node.db.flushed());
    await alone.scheduler.advance(1);
    expect(firstIndex(alone)).toBe(through + 1);
  });
});
