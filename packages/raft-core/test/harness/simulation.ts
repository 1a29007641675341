import type { Config, Message, ReplicaId } from '../../src/index.js';
import { voters } from './host.js';
import { isLeader, Oracle, Violation } from './oracle.js';
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
    this.#oracle = new Oracle(profile.voters);
    const ids = Array.from({ length: profile.voters }, (_, i) => i + 1);
    this.#replicas = ids.map(
      (id) =>
        new SimReplica(id, voters(...ids), {
          config: profile.config,
          prng: this.#prng,
          oracle: this.#oracle,
          send: (m) => this.#post(m),
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
      if (this.#prng.chance(0.5)) replica.node.tick();
      if (this.#prng.chance(0.08)) replica.propose(`p${this.#proposals++}`);
      if (this.#prng.chance(0.05)) replica.read();
      const work = this.#isFaulty ? this.#profile.work : 1;
      if (this.#prng.chance(work)) replica.runDisk();
      if (this.#prng.chance(work)) replica.handleReady(this.#disks);
      if (this.#prng.chance(work)) replica.runApply();
    }
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
      const status = target.node.step(message);
      this.#note(() => `${describeMessage(message)} ${status}`);
      if (status !== 'ok' && status !== 'stale') {
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
    const before = this.#oracle.commit;
    const settle = this.#now + HEAL_STEPS;
    while (this.#now < settle) this.#step();
    if (this.#oracle.commit <= before) throw new Violation('liveness', 'nothing commits any more');
    this.#quiesce();
    const leaders = this.#replicas.filter((r) => r.node !== null && isLeader(r.node.status()));
    if (leaders.length !== 1) throw new Violation('liveness', `${leaders.length} leaders`);
    for (const replica of this.#replicas) {
      if (replica.applied !== this.#oracle.commit) {
        throw new Violation('convergence', `${replica.id} at ${replica.applied}`);
      }
    }
  }

  /** No more requests; everything in flight arrives. */
  #quiesce(): void {
    for (let i = 0; i < 120; i++) {
      this.#now++;
      this.#deliver();
      for (const replica of this.#replicas) {
        replica.node?.tick();
        replica.runDisk();
        replica.handleReady(this.#disks);
        replica.runApply();
      }
    }
  }
}
