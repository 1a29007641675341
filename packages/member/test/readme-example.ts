import { Member } from '@dougdb/member';
import { silentLogger, silentMetrics } from '@dougdb/ports';
import { NodeClock, NodeFs, NodeRandom } from '@dougdb/ports/node';
import { defaultReplicaSettings, type HardStateStore } from '@dougdb/replica';
import { GetRequest, GetResponse, PutRequest } from '@dougdb/rpc-proto';

/** A cluster of one in this directory: a value is put, and read back. */
export async function example(dataDir: string, hardState: HardStateStore): Promise<string> {
  const clock = new NodeClock();
  const member = await Member.open({
    dataDir,
    fs: new NodeFs(),
    clock,
    random: new NodeRandom(),
    logger: silentLogger,
    metrics: silentMetrics,
    network: nobodyElse,
    openHardState: () => Promise.resolve(hardState), // doug-node: lmdb in the directory it is given
    advertise: '127.0.0.1:4400',
    join: [], // a cluster of one
    settings: {
      splitAt: [],
      replicationFactor: 5,
      tickMs: 10,
      replica: defaultReplicaSettings,
      memtableBytes: 16 << 20,
      memtableBudgetBytes: 64 << 20,
      blockCacheBytes: 96 << 20,
      walSegmentBytes: 1 << 20,
    },
    onFatal: (exitCode, error) => console.error('the process must end', exitCode, error),
    version: '0.1.0',
  });
  await member.whenJoined();
  while (member.notReadyReason() !== null) await new Promise((resolve) => setTimeout(resolve, 5));

  const patience = { deadlineMs: clock.monotonicMs() + 5_000 };
  const key = new TextEncoder().encode('user/1');
  const value = new TextEncoder().encode('Ada');
  const put = PutRequest.encode(PutRequest.fromPartial({ key, value })).finish();
  await member.unary('/dougdb.v1.Doug/Put', put, patience);
  const get = GetRequest.encode({
    context: undefined,
    key,
    consistency: 0,
    revision: 0,
    maxAgeMs: 0,
  }).finish();
  const answer = GetResponse.decode(await member.unary('/dougdb.v1.Doug/Get', get, patience));

  await member.drain(8_000);
  await member.close();
  return new TextDecoder().decode(answer.kv?.value);
}

const nobodyElse = {
  openLink: () => ({ send: () => false, close: () => {} }),
  genesis: () => Promise.reject(new Error('nobody is there')),
};
