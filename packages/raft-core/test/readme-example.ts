import { defaultConfig, MemoryStorage, type Message, RawNode, StateType } from '@dougdb/raft-core';

// A replica's host: it owns the log, the network and the state machine.
class Replica {
  readonly values = new Map<string, string>();
  readonly #storage = new MemoryStorage(confState);
  readonly node: RawNode;

  constructor(readonly id: number) {
    this.node = new RawNode({
      ...defaultConfig,
      id,
      storage: this.#storage,
      random: Math.random,
      restartSilence: false, // a group that has just been made
    });
  }

  /** Carries out what the replica asks for, in the order of the contract. */
  handleReady(send: (m: Message) => void): void {
    while (this.node.hasReady()) {
      const ready = this.node.ready();
      if (ready.hardState) this.#storage.setHardState(ready.hardState); // 1. durable first
      for (const m of ready.messages) send(m); // 2. while the log is being written
      if (ready.append) {
        this.#storage.append(ready.append.entries, ready.append.commit);
        this.node.appended(ready.append.ticket); // 3. only when it is on disk
      }
      for (const entry of ready.committed) {
        const [key = '', value = ''] = new TextDecoder().decode(entry.data).split('=');
        if (entry.data.length > 0) this.values.set(key, value); // an empty entry opens a term
        this.node.applied(entry.index); // 4.
      }
      for (const read of ready.reads) console.log(`read ${read.ticket} is safe from ${read.index}`);
    }
  }
}

const ids = [1, 2, 3];
const confState = {
  voters: ids,
  learners: [],
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: false,
};
const replicas = ids.map((id) => new Replica(id));
const network: Message[] = [];

/** Lets messages flow until nobody has anything to say. */
function settle(): void {
  for (const r of replicas) r.handleReady((m) => network.push(m));
  for (let m = network.shift(); m; m = network.shift()) {
    const target = replicas[m.to - 1];
    target?.node.step(m);
    target?.handleReady((answer) => network.push(answer));
  }
}

const leads = (r: Replica) => r.node.status().role === StateType.StateLeader;
while (!replicas.some(leads)) {
  for (const r of replicas) r.node.tick(); // every 10 ms in real life
  settle();
}
const leader = replicas.find(leads);
leader?.node.propose([{ data: new TextEncoder().encode('answer=42'), checksum: 0 }]);
leader?.node.readIndex();
settle();
for (const r of replicas) r.node.tick();
settle();

export const answers = replicas.map((r) => r.values.get('answer'));
console.log(answers); // [ '42', '42', '42' ]
