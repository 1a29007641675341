// Commits per second of three replicas in one process with their logs in memory: what the core alone
// costs. npm run bench -w @dougdb/raft-core: with a young generation in which no collection runs while
// the bytes allocated are counted.
import { defaultConfig, MemoryStorage, RawNode, StateType } from '../dist/index.js';

const SECONDS = Number(process.env.RAFT_BENCH_SECONDS ?? 2);
const data = [{ data: new Uint8Array(16).fill(0x61), checksum: 1 }];
const sixtyFour = Array.from({ length: 64 }, () => data[0]);
const confOf = (voters) => ({
  voters,
  learners: [],
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: false,
});

class Group {
  constructor(voters, more = {}) {
    this.committed = 0;
    this.storages = voters.map(() => new MemoryStorage(confOf(voters)));
    this.nodes = voters.map(
      (id, i) =>
        new RawNode({
          ...defaultConfig,
          id,
          storage: this.storages[i],
          random: () => (id - 1) / voters.length,
          restartSilence: false,
          ...more,
        }),
    );
    this.nodes[0].campaign();
    this.settle();
  }

  get leader() {
    return this.nodes.find((node) => node.status().role === StateType.StateLeader);
  }

  /** Everything that is owed is done, until nothing is. */
  settle() {
    for (let busy = true; busy; ) {
      busy = false;
      for (let i = 0; i < this.nodes.length; i++) {
        const node = this.nodes[i];
        if (!node.hasReady()) continue;
        busy = true;
        const ready = node.ready();
        if (ready.hardState) this.storages[i].setHardState(ready.hardState);
        for (const m of ready.messages) this.nodes[m.to - 1].step(m);
        if (ready.append) {
          this.storages[i].append(ready.append.entries, ready.append.commit);
          node.appended(ready.append.ticket);
        }
        const last = ready.committed[ready.committed.length - 1];
        if (!last) continue;
        node.applied(last.index);
        if (i === 0) this.committed += ready.committed.length;
        if (last.index - this.storages[i].firstIndex() > 4096) this.storages[i].compact(last.index);
      }
    }
  }
}

const modes = {
  'one at a time': (group, leader) => {
    leader.propose(data);
    group.settle();
  },
  'grouped by 64': (group, leader) => {
    leader.propose(sixtyFour);
    group.settle();
  },
  '64 proposals a turn': (group, leader) => {
    for (let i = 0; i < 64; i++) leader.propose(data);
    group.settle();
  },
};

for (const [name, turn] of Object.entries(modes)) {
  const group = new Group([1, 2, 3]);
  const { leader } = group;
  run(0.5, () => turn(group, leader));
  const before = group.committed;
  const seconds = run(SECONDS, () => turn(group, leader));
  const perSecond = Math.round((group.committed - before) / seconds);
  console.log(
    `${name}: ${perSecond} commits a second of CPU${allocated(group, () => turn(group, leader))}`,
  );
}

const groups = Array.from(
  { length: 1000 },
  () => new Group([1, 2, 3], { electionTick: 2 ** 30 }).nodes[1],
);
let ticks = 0;
const idleSeconds = run(SECONDS, () => {
  for (const node of groups) node.tick();
  ticks++;
});
console.log(
  `idle tick: ${Math.round((idleSeconds * 1e9) / ticks / groups.length)} ns a group, 1000 groups`,
);

/** Seconds of CPU time that the turns took: what others do on the machine changes it little. */
function run(seconds, turn) {
  const start = process.cpuUsage();
  let used = 0;
  while (used < seconds) {
    for (let i = 0; i < 20; i++) turn();
    const { user, system } = process.cpuUsage(start);
    used = (user + system) / 1e6;
  }
  return used;
}

/** Heap bytes a commit, logs included, counted over so many commits that looking at the heap costs nothing beside them. */
function allocated(group, turn) {
  if (typeof globalThis.gc !== 'function') return '';
  const samples = [];
  for (let i = 0; i < 15; i++) {
    globalThis.gc();
    const commits = group.committed;
    const heap = process.memoryUsage().heapUsed;
    while (group.committed - commits < 4000) turn();
    const bytes = process.memoryUsage().heapUsed - heap;
    // A collection ran all the same.
    if (bytes > 0) samples.push(bytes / (group.committed - commits));
  }
  samples.sort((a, b) => a - b);
  return `, ${Math.round(samples[samples.length >> 1])} B allocated a commit`;
}
