import {
  type ConfChange,
  type ConfChangeSingle,
  ConfChangeTransition,
  ConfChangeType,
  type Config,
  LEAVE_JOINT,
  type Message,
  MessageType,
  type ReplicaId,
} from '../../src/index.js';
import { checkModel, type ReplicaView, Violation } from '../../src/testing/index.js';
import { entry, voters } from './host.js';
import { isLeader, Oracle } from './oracle.js';
import { Prng } from './prng.js';
import type { SimDisk } from './sim-disk.js';
import { describeMessage, SimReplica } from './sim-replica.js';

/** How bad the world is. Probabilities are for each unit of time unless said otherwise. */
export interface Profile {
  readonly voters: number;
  readonly steps: number;
  /** Of each message. */
  readonly drop: number;
  readonly duplicate: number;
  /** Units of time a message may take; different ones reorder. */
  readonly maxDelay: number;
  /** Of each message, to be held up for up to 300 units. */
  readonly straggle: number;
  readonly crash: number;
  readonly partition: number;
  readonly transfer: number;
  /** Replicas that are there to be added. */
  readonly spares?: number;
  readonly confChange?: number;
  /** Of a replica, to make its state durable and to cut its log. */
  readonly compact?: number;
  /** Of a replica, to find an entry damaged. */
  readonly damage?: number;
  /** Of a crash, to lose the end of the log that was promised; only without other losses. */
  readonly loseTail?: number;
  /** Of a replica, to read under its lease; clocks drift apart by a few per cent. Needs Config.lease. */
  readonly leaseRead?: number;
  /** Of a replica, to handle its Ready, its disk, its state machine. */
  readonly work: number;
  readonly config: Partial<Config>;
}

export interface SimulationResult {
  readonly trace: readonly string[];
  readonly counts: Oracle['counts'] & { crashes: number; partitions: number; lost: number };
}

const HEAL_STEPS = 400;

/** A group on one thread, from one seed: the same seed makes the same trace. */
export class Simulation {
  readonly #profile: Profile;
  readonly #prng: Prng;
  readonly #oracle: Oracle;
  readonly #replicas: readonly SimReplica[];
  readonly #disks: readonly SimDisk[];
  readonly #isTraced: boolean;
  readonly #trace: string[] = [];
  readonly #counts = { crashes: 0, partitions: 0, lost: 0 };
  /** By the time of their arrival. */
  readonly #inFlight = new Map<number, Message[]>();
  #now = 0;
  #proposals = 0;
  /** Replicas of group 1 and of group 0 do not hear each other. */
  #sides = new Map<ReplicaId, number>();
  #isFaulty = true;

  constructor(seed: number, profile: Profile, options: { readonly isTraced: boolean }) {
    this.#profile = profile;
    this.#isTraced = options.isTraced;
    this.#prng = new Prng(seed);
    this.#oracle = new Oracle();
    const ids = Array.from({ length: profile.voters + (profile.spares ?? 0) }, (_, i) => i + 1);
    const members = ids.slice(0, profile.voters);
    const genesis = entry(1, 1, 'genesis');
    this.#oracle.genesis(genesis);
    this.#replicas = ids.map(
      (id) =>
        new SimReplica(id, id <= profile.voters ? voters(...members) : voters(), {
          config: profile.config,
          prng: this.#prng,
          oracle: this.#oracle,
          genesis: id <= profile.voters ? genesis : null,
          send: (m) => this.#post(m),
          disks: () => this.#disks,
          trace: (line) => this.#note(line),
        }),
    );
    this.#disks = this.#replicas.map((r) => r.disk);
    for (const replica of this.#replicas) replica.start(false);
  }

  run(): SimulationResult {
    while (this.#now < this.#profile.steps) this.#step();
    this.#heal();
    this.#oracle.finish();
    return { trace: this.#trace, counts: { ...this.#oracle.counts, ...this.#counts } };
  }

  #step(): void {
    this.#now++;
    if (this.#isFaulty) this.#makeTrouble();
    this.#deliver();
    for (const replica of this.#replicas) {
      if (replica.node === null) {
        if (!this.#isFaulty || this.#prng.chance(0.05)) replica.start(true);
        continue;
      }
      if (this.#isTick(replica)) replica.node.tick(this.#nowMs(replica));
      if (this.#prng.chance(0.08)) replica.propose(`p${this.#proposals++}`);
      if (this.#prng.chance(0.05)) replica.read();
      const work = this.#isFaulty ? this.#profile.work : 1;
      if (this.#prng.chance(work)) replica.runDisk();
      if (this.#prng.chance(work)) replica.handleReady();
      if (this.#prng.chance(work)) replica.runApply();
      this.#extras(replica);
    }
    this.#check();
  }

  /** Ticks are late or early; with leases only late: a lease counts on the least election timeout. */
  #isTick(replica: SimReplica): boolean {
    if ((this.#profile.leaseRead ?? 0) === 0) return this.#prng.chance(0.5);
    return this.#now % 2 === replica.id % 2 && this.#prng.chance(0.95);
  }

  #extras(replica: SimReplica): void {
    const { confChange = 0, compact = 0, damage = 0, leaseRead = 0 } = this.#profile;
    if (compact > 0 && this.#prng.chance(compact)) replica.compact();
    if (!this.#isFaulty) return;
    if (confChange > 0 && this.#prng.chance(confChange)) this.#changeConf(replica);
    if (damage > 0 && this.#prng.chance(damage)) this.#damage(replica);
    if (leaseRead > 0 && this.#prng.chance(leaseRead)) replica.leaseRead(this.#nowMs(replica));
  }

  /** Clocks that run up to 4 % too fast or too slow. */
  #nowMs(replica: SimReplica): number {
    return this.#now * (0.96 + 0.02 * (replica.id % 5)) + 1000 * replica.id;
  }

  /** After every step, the invariants of etcd's model over all replicas that run. */
  #check(): void {
    if (!this.#replicas.some((r) => r.hasChanged)) return;
    const views: ReplicaView[] = [];
    for (const replica of this.#replicas) {
      replica.hasChanged = false;
      replica.checkWhole();
      const { view } = replica;
      if (view !== null && !replica.isTailLost) views.push(view);
    }
    checkModel(views, (index) => this.#oracle.commitTerm(index));
  }

  #damage(replica: SimReplica): void {
    const { storage } = replica.disk;
    if (replica.node === null || this.#replicas.some((r) => r.isDamaged && r !== replica)) return;
    const last = storage.lastIndex();
    if (last < storage.firstIndex()) return;
    replica.disk.damage(this.#prng.between(storage.firstIndex(), last));
  }

  #changeConf(replica: SimReplica): void {
    const status = replica.node?.status();
    if (status === undefined || !isLeader(status)) return;
    const { confState } = status;
    if (confState.votersOutgoing.length > 0) {
      replica.proposeConfChange(LEAVE_JOINT);
      return;
    }
    const count = this.#prng.between(1, 3);
    const changes: ConfChangeSingle[] = [];
    for (let i = 0; i < count; i++) changes.push(this.#randomChange());
    const transition = this.#prng.pick(Object.values(ConfChangeTransition));
    const change: ConfChange = { changes, transition };
    const isShrinking = confState.voters.length <= 2;
    const removes = changes.some(({ type }) => type !== ConfChangeType.AddNode);
    if (!(isShrinking && removes)) replica.proposeConfChange(change);
  }

  #randomChange(): ConfChangeSingle {
    const type = this.#prng.pick([
      ConfChangeType.AddNode,
      ConfChangeType.AddNode,
      ConfChangeType.AddNode,
      ConfChangeType.AddLearnerNode,
      ConfChangeType.RemoveNode,
    ]);
    return { type, id: this.#prng.pick(this.#replicas).id };
  }

  #note(line: () => string): void {
    if (this.#isTraced) this.#trace.push(`${this.#now} ${line()}`);
  }

  #makeTrouble(): void {
    const { crash, partition, transfer } = this.#profile;
    if (this.#prng.chance(crash)) this.#crash(this.#victim());
    if (this.#prng.chance(partition)) this.#cut();
    else if (this.#prng.chance(0.015)) this.#sides = new Map();
    if (this.#prng.chance(transfer)) {
      const target = this.#prng.pick(this.#replicas).id;
      for (const replica of this.#replicas) replica.node?.transferLeader(target);
    }
  }

  /** A leader rather than anybody: that is where faults hurt. */
  #victim(): SimReplica {
    const leaders = this.#replicas.filter((r) => r.node !== null && isLeader(r.node.status()));
    return this.#prng.pick(leaders.length > 0 && this.#prng.chance(0.6) ? leaders : this.#replicas);
  }

  #crash(victim: SimReplica): void {
    if (victim.node === null) return;
    victim.crash();
    const { loseTail = 0 } = this.#profile;
    const isAlone = this.#replicas.every((r) => !r.isTailLost);
    if (loseTail > 0 && isAlone && this.#prng.chance(loseTail)) victim.loseTail(this.#prng);
    this.#counts.crashes++;
    this.#note(() => `crash ${victim.id}`);
  }

  #cut(): void {
    this.#counts.partitions++;
    const victim = this.#victim();
    const together = this.#prng.chance(0.5) ? this.#prng.pick(this.#replicas).id : 0;
    const isRandom = this.#prng.chance(0.3);
    this.#sides = new Map(
      this.#replicas.map((r) => {
        if (isRandom) return [r.id, this.#prng.between(0, 1)];
        return [r.id, r.id === victim.id || r.id === together ? 1 : 0];
      }),
    );
  }

  #post(message: Message): void {
    if (this.#isFaulty && this.#prng.chance(this.#profile.drop)) {
      this.#counts.lost++;
      if (this.#prng.chance(0.3)) {
        this.#replicas[message.from - 1]?.node?.reportUnreachable(message.to);
      }
      return;
    }
    const copies = this.#isFaulty && this.#prng.chance(this.#profile.duplicate) ? 2 : 1;
    for (let i = 0; i < copies; i++) {
      const at = this.#now + this.#delay();
      const due = this.#inFlight.get(at);
      if (due === undefined) this.#inFlight.set(at, [message]);
      else due.push(message);
    }
  }

  #delay(): number {
    const isLate = this.#isFaulty && this.#prng.chance(this.#profile.straggle);
    return this.#prng.between(1, isLate ? 300 : this.#profile.maxDelay);
  }

  #deliver(): void {
    const due = this.#inFlight.get(this.#now);
    if (due === undefined) return;
    this.#inFlight.delete(this.#now);
    for (const message of due) {
      const isCut = this.#sides.get(message.from) !== this.#sides.get(message.to);
      const target = this.#replicas[message.to - 1];
      if (isCut || target === undefined || target.node === null) {
        this.#counts.lost++;
        continue;
      }
      const status = target.step(message);
      if (message.type === MessageType.MsgSnap && this.#prng.chance(0.5)) {
        const sender = this.#replicas[message.from - 1]?.node;
        sender?.reportSnapshot(message.to, this.#prng.chance(0.7));
      }
      this.#note(() => `${describeMessage(message)} ${status}`);
      // Replicas that were removed, or do not know yet that others were added, are not heard.
      if (status !== 'ok' && status !== 'stale' && status !== 'unknown-peer') {
        throw new Violation('honest messages are valid', `${describeMessage(message)}: ${status}`);
      }
    }
  }

  /** All faults end: the group has to elect a leader, agree, and give every outcome. */
  #heal(): void {
    this.#isFaulty = false;
    this.#sides = new Map();
    const end = this.#now + HEAL_STEPS;
    while (this.#now < end) this.#step();
    if (this.#isStranded) return;
    const before = this.#oracle.commit;
    const settle = this.#now + HEAL_STEPS;
    while (this.#now < settle) this.#step();
    if (this.#oracle.commit <= before) throw new Violation('liveness', 'nothing commits any more');
    this.#quiesce();
    const leaders = this.#replicas.filter((r) => r.node !== null && isLeader(r.node.status()));
    if (leaders.length !== 1) {
      const all = this.#replicas.map((r) => JSON.stringify(r.node?.status() ?? null));
      throw new Violation('liveness', `${leaders.length} leaders: ${all.join('\n')}`);
    }
    const conf = leaders[0]?.node?.status().confState ?? voters();
    if (conf.votersOutgoing.length > 0 && conf.autoLeave) {
      throw new Violation('liveness', 'a joint configuration is not left');
    }
    const members = [...conf.voters, ...conf.votersOutgoing, ...conf.learners];
    // One that was removed with a damaged log has nobody to mend it: the host ends its proposals.
    for (const replica of this.#replicas) {
      if (!members.includes(replica.id) && replica.isDamaged) this.#oracle.forget(replica.life);
    }
    for (const replica of this.#replicas.filter((r) => members.includes(r.id))) {
      const status = replica.node?.status();
      if (status?.isRecovering || (status?.damaged.length ?? 0) > 0) {
        throw new Violation(
          'liveness',
          `${replica.id} is not repaired: ${JSON.stringify(status)}, leader ${JSON.stringify(leaders[0]?.node?.status())}`,
        );
      }
      if (replica.applied !== this.#oracle.commit) {
        throw new Violation(
          'convergence',
          `${replica.id} at ${replica.applied} of ${this.#oracle.commit}: ${JSON.stringify(status)}, leader ${JSON.stringify(leaders[0]?.node?.status())}`,
        );
      }
    }
  }

  /** The group shrank to one voter, and that has a damaged log: nobody can lead it back, its host gives up. */
  get #isStranded(): boolean {
    const [newest] = [...this.#replicas].sort((a, b) => b.applied - a.applied);
    const conf = newest?.node?.status().confState ?? voters();
    const [only, ...others] = new Set([...conf.voters, ...conf.votersOutgoing]);
    const isStranded =
      others.length === 0 && this.#replicas.some((r) => r.id === only && r.isDamaged);
    if (isStranded) for (const replica of this.#replicas) this.#oracle.forget(replica.life);
    return isStranded;
  }

  /** No more requests; everything in flight arrives. */
  #quiesce(): void {
    for (let i = 0; i < 200; i++) {
      this.#now++;
      this.#deliver();
      for (const replica of this.#replicas) {
        // At the pace of the rest of the run: messages take as long as there.
        if (this.#now % 2 === replica.id % 2) replica.node?.tick(this.#nowMs(replica));
        replica.runDisk();
        replica.handleReady();
        replica.runApply();
      }
      this.#check();
    }
  }
}
