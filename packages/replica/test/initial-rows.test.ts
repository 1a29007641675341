import { decodeReplicaState } from '@dougdb/replica';
import { Alone } from './support/alone.js';
import { bytesOf, put } from './support/commands.js';
import { TestCluster } from './support/test-cluster.js';

const initialRows = ['b', 'c', 'd'].map((name) => ({
  key: bytesOf(name),
  value: bytesOf(`first ${name}`),
}));

describe('the rows that a partition begins with', () => {
  it('stand at revisions 1 to n, and commands follow them', async () => {
    const alone = await Alone.started({ initialRows });
    expect(await alone.read('b')).toBe('found first b 1');
    expect(await alone.read('d')).toBe('found first d 3');
    expect(await alone.write(put('c', 'second'))).toBe('written 4');
    expect(await alone.read('c')).toBe('found second 4');
  });

  it('are the same on all replicas, hash and all', async () => {
    const cluster = await TestCluster.started({ initialRows });
    await cluster.untilEqual();
    const hashes = cluster.nodes.map(({ replica }) => replica.stateHash());
    expect(hashes[0]?.hash).not.toBe(0);
    expect(hashes).toEqual(hashes.map(() => hashes[0]));
    await cluster.run(cluster.nodes[1]!.stop());
    await cluster.run(cluster.nodes[1]!.start());
    await cluster.untilEqual();
    expect(cluster.nodes[1]!.replica.stateHash()?.hash).toBe(hashes[0]?.hash);
  });

  it('INVARIANT(frontier-atomic): come out equal, and once, whatever crashes while they are made', async () => {
    const whole = new Alone({ initialRows });
    await whole.run(whole.node.start());
    const expected = whole.node.replica.stateHash()?.hash;
    const count = whole.node.fs.mutationCount;
    let madeAgain = 0;
    for (let at = 1; at <= count; at++) {
      for (const keepUnsyncedPercent of [0, 100]) {
        const alone = new Alone({ initialRows });
        alone.node.fs.crashAtMutation(at);
        await alone.run(alone.node.start()).catch(() => undefined);
        alone.node.crash(keepUnsyncedPercent);
        const before = await alone.run(alone.node.openDb());
        const state = before.hostState && decodeReplicaState(before.hostState);
        await alone.run(before.close());
        if (state === null) madeAgain++;
        else expect([state.revision, state.hash]).toEqual([3, expected]);
        await alone.start();
        expect(await alone.read('c')).toBe('found first c 2');
        expect(alone.node.replica.stateHash()?.hash).toBe(expected);
        expect(await alone.write(put('c', 'x'))).toBe('written 4');
      }
    }
    expect(madeAgain).toBeGreaterThan(0);
    expect(madeAgain).toBeLessThan(2 * count);
  });
});
