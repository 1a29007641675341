import { SimRandom } from '@dougdb/ports/sim';
import { DougError } from '@dougdb/rpc-proto';
import { addDelete, addGet, addPut, Bench, type BenchClient } from './support/bench.js';
import type { Arrival, FakePartition } from './support/fake-nodes.js';

// Clients, a facade and nodes that do anything at all: delay, lose, repeat, lie about who leads, talk
// garbage, die, say nothing. Whatever happens, every id gets one answer, and the answer is honest.

const partitions: readonly FakePartition[] = [
  { id: 2, start: '', end: 'g', version: 3, leader: 1 },
  { id: 3, start: 'g', end: 'p', version: 3, leader: 2 },
  { id: 4, start: 'p', end: '', version: 3, leader: 1 },
];

interface Asked {
  readonly client: number;
  readonly id: number;
  readonly kind: 'put' | 'delete' | 'get';
  readonly key: string;
  readonly value: string;
  /** Number of the client's message. */
  readonly message: number;
  /** Revisions at which it took effect. */
  readonly applied: number[];
}

class Model {
  readonly random: SimRandom;
  readonly bench: Bench;
  readonly clients: BenchClient[];
  readonly asked = new Map<string, Asked>();
  readonly byContent = new Map<string, Asked>();
  /** How often each kind of trouble came: a run without any shows nothing. */
  readonly troubles = new Map<string, number>();
  #content = 0;
  #messages = 0;

  constructor(seed: number) {
    this.random = new SimRandom(seed);
    this.bench = new Bench({ partitions, seed });
    this.bench.nodes.serve = (item) => this.#arrived(item);
    this.clients = Array.from({ length: 3 }, () => this.bench.client());
  }

  async run(steps: number): Promise<void> {
    await this.bench.begin();
    for (let step = 0; step < steps; step++) {
      if (this.#chance(0.8)) this.#sendMessage();
      if (this.#chance(0.08)) this.#disturb();
      await this.bench.scheduler.advance(this.#below(15));
    }
    for (const node of this.bench.nodes.nodes) this.#heal(node.nodeId);
    await this.bench.settle();
    // Nodes that owe answers for ever are given up.
    await this.bench.scheduler.advance(15_000);
  }

  #sendMessage(): void {
    const client = this.clients[this.#below(this.clients.length)]!;
    const at = this.bench.clients.indexOf(client);
    const message = ++this.#messages;
    const items: Omit<Asked, 'id'>[] = [];
    const firstId = client.send((w) => {
      const count = 1 + this.#below(12);
      // Few keys in a message: their order is what matters.
      const keys = ['a', 'h', 'q', `k${this.#below(20)}`];
      for (let i = 0; i < count; i++) {
        const key = keys[this.#below(keys.length)]!;
        const value = `v${++this.#content}`;
        const timeoutMs = this.#chance(0.3) ? 1 + this.#below(60) : 3000;
        const kind = this.#chance(0.6) ? 'put' : this.#chance(0.5) ? 'get' : 'delete';
        items.push({ client: at, kind, key, value, message, applied: [] });
        if (kind === 'put') addPut(w, key, value, timeoutMs);
        else if (kind === 'get') addGet(w, key, timeoutMs);
        else addDelete(w, key);
      }
      if (this.#chance(0.1)) w.addCancel(this.#below(200));
    });
    for (const [i, item] of items.entries()) {
      const whole = { ...item, id: firstId + i };
      this.asked.set(`${at}/${whole.id}`, whole);
      if (whole.kind === 'put') this.byContent.set(whole.value, whole);
    }
  }

  #disturb(): void {
    const { nodes } = this.bench.nodes;
    const node = nodes[this.#below(nodes.length)]!;
    const what = this.#below(7);
    this.#count(`disturb ${what}`);
    if (what === 0) node.kill();
    else if (what === 1) this.#heal(node.nodeId);
    else if (what === 2) node.isMute = true;
    else if (what === 3) node.break();
    else if (what === 4) node.isFull = true;
    else if (what === 5) {
      const list = this.bench.nodes.partitions;
      list[this.#below(list.length)]!.leader = 1 + this.#below(nodes.length);
    } else if (this.#chance(0.3)) {
      const at = this.#below(this.clients.length);
      this.clients[at]!.pipe.closed();
      this.clients[at] = this.bench.client();
    }
  }

  #heal(nodeId: number): void {
    const node = this.bench.nodes.nodes[nodeId - 1]!;
    node.isDown = false;
    node.isMute = false;
    node.isFull = false;
    for (const stream of node.streams) stream.drain();
  }

  #arrived(item: Arrival): void {
    const delayMs = this.#chance(0.2) ? this.#below(200) : 0;
    const run = (): void => this.#decide(item);
    if (delayMs === 0) run();
    else this.bench.scheduler.schedule(delayMs, run);
  }

  #decide(item: Arrival): void {
    const { node, stream } = item;
    const dice = this.random.next();
    const partition = this.bench.nodes.partitionOf(item.key);
    const leads = partition.leader === node.nodeId;
    // Now and then somebody serves who does not lead: a node that has not heard of it yet.
    if (!leads && dice > 0.1) {
      this.#count('refused');
      node.answer(item);
    } else if (dice < 0.6 || dice > 0.95) {
      node.tell(item, this.#effect(item));
    } else if (dice < 0.66) {
      this.#count('lost answer');
      this.#effect(item);
    } else if (dice < 0.7) {
      this.#count('effect and break');
      this.#effect(item);
      stream.end(new DougError('IN_DOUBT', 'the stream broke'));
    } else if (dice < 0.72) {
      this.#count('swallowed');
    } else if (dice < 0.74) {
      this.#count('garbage');
      this.#effect(item);
      stream.raw(Uint8Array.of(0x0a, 0xff));
    } else if (dice < 0.8) {
      this.#count('twice');
      const revision = this.#effect(item);
      node.tell(item, revision);
      node.tell(item, revision + 1000);
    } else if (dice < 0.82) {
      this.#count('in doubt');
      const late = this.#chance(0.5);
      node.refuse(item, new DougError('IN_DOUBT', 'who knows'));
      if (late) this.bench.scheduler.schedule(100, () => this.#effect(item));
    } else {
      this.#count('busy');
      node.refuse(item, new DougError(this.#chance(0.5) ? 'BUSY' : 'NO_LEADER', 'no'));
    }
  }

  /** Takes effect. */
  #effect(item: Arrival): number {
    const revision = item.node.apply(item);
    const owner = item.kind === 'put' ? this.byContent.get(item.value) : undefined;
    owner?.applied.push(revision);
    return revision;
  }

  #below(bound: number): number {
    return Math.floor(this.random.next() * bound);
  }

  #chance(share: number): boolean {
    return this.random.next() < share;
  }

  #count(what: string): void {
    this.troubles.set(what, (this.troubles.get(what) ?? 0) + 1);
  }
}

const seeds = Array.from({ length: 8 }, (_, i) => (process.env.DOUG_SEED ? 0 : Date.now()) + i);
const chosen = process.env.DOUG_SEED ? [Number(process.env.DOUG_SEED)] : seeds;

describe('whatever nodes do', () => {
  const troubles = new Map<string, number>();
  const told = (seed: number): string =>
    `replay: DOUG_SEED=${seed} npx jest --selectProjects facade -t "whatever nodes do"`;

  it.each(chosen)(
    'every id has exactly one honest answer (seed %d), INVARIANT(one-answer)',
    async (seed) => {
      const model = new Model(seed);
      await model.run(250);
      for (const [what, count] of model.troubles) {
        troubles.set(what, (troubles.get(what) ?? 0) + count);
      }
      const problems: string[] = [];
      const answers = new Map<string, BenchClient['answers'][number]>();
      for (const [at, client] of model.bench.clients.entries()) {
        for (const answer of client.answers) {
          if (answers.has(`${at}/${answer.id}`)) problems.push(`two answers to ${at}/${answer.id}`);
          answers.set(`${at}/${answer.id}`, answer);
        }
      }
      problems.push(...judge(model, answers));
      expect([told(seed), problems]).toEqual([told(seed), []]);
      expect(model.bench.forwarder.openItems).toBe(0);
      expect([model.bench.admission.ops, model.bench.admission.sizeBytes]).toEqual([0, 0]);
    },
  );

  it('means all that', () => {
    const seen = [...troubles.keys()].sort();
    expect(seen.length).toBeGreaterThan(4);
    // One seed alone need not meet everything.
    if (chosen.length === 1) return;
    for (const what of ['busy', 'effect and break', 'garbage', 'lost answer', 'refused', 'twice']) {
      expect(seen).toContain(what);
    }
  });
});

function judge(
  model: Model,
  answers: ReadonlyMap<string, BenchClient['answers'][number]>,
): string[] {
  const problems: string[] = [];
  const live = new Set(model.clients.map((client) => model.bench.clients.indexOf(client)));
  for (const [name, asked] of model.asked) {
    const answer = answers.get(name);
    if (answer === undefined) {
      // Only a client that has gone away may go without.
      if (live.has(asked.client)) problems.push(`no answer to ${name}`);
      continue;
    }
    if (answer.code === 'OK') {
      if ((asked.kind === 'get') !== (answer.kind === 'get')) problems.push(`${name}: wrong kind`);
      if (asked.kind === 'put' && !asked.applied.includes(answer.revision)) {
        problems.push(`${name}: told revision ${answer.revision}, took effect ${asked.applied}`);
      }
      if (asked.kind === 'get' && answer.value !== null) {
        const writer = model.byContent.get(answer.value);
        if (writer?.key !== asked.key) problems.push(`${name}: the value of ${writer?.key}`);
      }
    } else if (answer.outcome === 'NOT_APPLIED' && asked.applied.length > 0) {
      problems.push(`${name}: ${answer.code} NOT_APPLIED, but it took effect`);
    }
    if (asked.applied.length > 1) problems.push(`${name}: took effect twice`);
  }
  problems.push(...judgeOrder(model));
  return problems;
}

/** What one message of a client did to a key happened in its order, and was one message for the node. */
function judgeOrder(model: Model): string[] {
  const problems: string[] = [];
  const groups = new Map<string, { at: number; message: number; id: number }[]>();
  for (const [at, arrival] of model.bench.nodes.arrivals.entries()) {
    const asked = arrival.kind === 'put' ? model.byContent.get(arrival.value) : undefined;
    if (asked === undefined) continue;
    const name = `${asked.client}/${asked.message}/${arrival.node.nodeId}`;
    const group = groups.get(name) ?? [];
    group.push({ at, message: arrival.message, id: asked.id });
    groups.set(name, group);
  }
  for (const [name, group] of groups) {
    if (new Set(group.map(({ message }) => message)).size > 1) {
      problems.push(`${name}: split over messages`);
    }
    for (let i = 1; i < group.length; i++) {
      if (group[i]!.id <= group[i - 1]!.id) problems.push(`${name}: out of order`);
    }
  }
  return problems;
}
