import { ConfChangeTransition } from '#src/confchange/conf-change.js';
import type { Config } from '#src/config.js';
import { EntryType } from '#src/entry.js';
import type { SnapshotMetadata } from '#src/storage.js';
import { parseChanges } from '../conf-change-text.js';
import type { Argument, Directive } from '../datadriven.js';
import { Environment } from './environment.js';
import { typeOfName } from './etcd-message.js';
import { LEVELS, type Level } from './output.js';

type Command = (env: Environment, d: Directive) => void;

const encoder = new TextEncoder();

/** Runs the directives of etcd's interaction tests; one runner for each file. */
export class InteractionRunner {
  readonly #env = new Environment();

  run(d: Directive): string {
    const { output } = this.#env;
    const command = commands[d.cmd];
    let error: string | null = null;
    try {
      if (command === undefined) error = `unknown command: ${d.cmd}`;
      else command(this.#env, d);
    } catch (cause) {
      error = cause instanceof Error ? cause.message : String(cause);
    }
    const text = output.take({ error });
    return text.endsWith('\n') ? text : `${text}\n`;
  }
}

const commands: Readonly<Record<string, Command>> = {
  _breakpoint: () => {},
  'add-nodes': (env, d) => addNodes(env, d),
  campaign: (env, d) => env.node(firstId(d)).campaign(),
  compact: (env, d) => env.compact(firstId(d), Number(d.args[1]?.key)),
  'deliver-msgs': (env, d) => deliver(env, d),
  'forget-leader': (env, d) => env.node(firstId(d)).forgetLeader(),
  'log-level': (env, d) => {
    env.output.level = levelOf(d.args[0]?.key ?? '');
  },
  'process-ready': (env, d) => each(env, d, 'handling Ready', (id) => env.processReady(id)),
  'process-append-thread': (env, d) =>
    each(env, d, 'processing append thread', (id) => env.processAppendThread(id)),
  'process-apply-thread': (env, d) =>
    each(env, d, 'processing apply thread', (id) => env.processApplyThread(id)),
  propose: (env, d) => env.node(firstId(d)).propose(encoder.encode(d.args[1]?.key ?? '')),
  'propose-conf-change': (env, d) => proposeConfChange(env, d),
  'raft-log': (env, d) => env.raftLog(firstId(d)),
  'raft-state': (env) => env.raftState(),
  'report-unreachable': (env, d) => {
    const [from, to] = plainIds(d);
    env.node(from ?? 0).reportUnreachable(to ?? 0);
  },
  'send-snapshot': (env, d) => {
    const [from, to] = plainIds(d);
    env.sendSnapshot(from ?? 0, to ?? 0);
  },
  'set-randomized-election-timeout': (env, d) => {
    env.node(firstId(d)).raft.randomizedElectionTimeout = Number(value(d, 'timeout'));
  },
  stabilize: (env, d) => stabilize(env, d),
  status: (env, d) => env.status(firstId(d)),
  'tick-election': (env, d) => tick(env, d, env.node(firstId(d)).raft.config.electionTick),
  'tick-heartbeat': (env, d) => tick(env, d, env.node(firstId(d)).raft.config.heartbeatTick),
  'transfer-leadership': (env, d) =>
    env.node(Number(value(d, 'from'))).transferLeader(Number(value(d, 'to'))),
};

function addNodes(env: Environment, d: Directive): void {
  const config: { -readonly [Key in keyof Config]?: Config[Key] } = {};
  const conf = { voters: [] as number[], learners: [] as number[] };
  let index = 0;
  let isAsync = false;
  let isLeaseBased = false;
  for (const { key, values } of d.args.slice(1)) {
    const [text = ''] = values;
    if (key === 'voters' || key === 'learners') conf[key] = values.map(Number);
    else if (key === 'index') index = Number(text);
    else if (key === 'inflight') config.maxInflightMsgs = Number(text);
    else if (key === 'async-storage-writes') isAsync = text === 'true';
    else if (key === 'prevote') config.preVote = text === 'true';
    else if (key === 'checkquorum') config.checkQuorum = text === 'true';
    else if (key === 'max-committed-size-per-ready') config.maxApplyingBytes = Number(text);
    else if (key === 'step-down-on-removal') config.stepDownOnRemoval = text === 'true';
    else if (key === 'read-only') isLeaseBased = text === 'lease-based';
    else if (key === 'disable-conf-change-validation') {
      if (text === 'true') config.confChangeChecks = 'none';
    } else if (key !== 'content') throw new Error(`unknown argument of add-nodes: ${key}`);
  }
  const start: SnapshotMetadata | null =
    index === 0 && conf.voters.length === 0 && conf.learners.length === 0
      ? null
      : {
          index,
          term: 1,
          confState: { ...conf, votersOutgoing: [], learnersNext: [], autoLeave: false },
        };
  env.addNodes(firstId(d), { config, isAsync, isLeaseBased, start });
}

function deliver(env: Environment, d: Directive): void {
  const recipients: { id: number; isDropped: boolean }[] = [];
  let type: number | null = null;
  for (const { key, values } of d.args) {
    if (values.length === 0) recipients.push({ id: idOf(key), isDropped: false });
    for (const text of values) {
      if (key === 'drop') {
        if (recipients.some((r) => r.id === Number(text))) {
          throw new Error(`can't both deliver and drop msgs to ${text}`);
        }
        recipients.push({ id: Number(text), isDropped: true });
      } else if (key === 'type') {
        type = typeOfName(text) ?? fail(`unknown message type ${text}`);
      }
    }
  }
  let count = 0;
  for (const { id, isDropped } of recipients) count += env.deliver(id, { type, isDropped });
  if (count === 0) env.output.write('no messages\n');
}

function proposeConfChange(env: Environment, d: Directive): void {
  const isV1 = value(d, 'v1') === 'true';
  const name = value(d, 'transition') ?? 'auto';
  const transition = transitions[name] ?? fail(`unknown transition ${name}`);
  const changes = parseChanges(d.input);
  if (isV1 && (changes.length !== 1 || transition !== ConfChangeTransition.Auto)) {
    fail('v1 conf change can only have one operation and no transition');
  }
  const type = isV1 ? EntryType.EntryConfChange : EntryType.EntryConfChangeV2;
  env.node(firstId(d)).proposeConfChange({ transition, changes }, type);
}

const transitions: Readonly<Record<string, ConfChangeTransition>> = {
  auto: ConfChangeTransition.Auto,
  implicit: ConfChangeTransition.JointImplicit,
  explicit: ConfChangeTransition.JointExplicit,
};

function stabilize(env: Environment, d: Directive): void {
  const level = value(d, 'log-level');
  const before = env.output.level;
  const ids = plainIds(d);
  if (level !== undefined) env.output.level = levelOf(level);
  try {
    env.stabilize(ids.length > 0 ? ids : env.nodes.map((node) => node.id));
  } finally {
    if (level !== undefined) {
      const { output } = env;
      const text = output.take({ error: null });
      output.level = before;
      if (text !== 'ok') output.write(text);
    }
  }
}

function tick(env: Environment, d: Directive, count: number): void {
  for (let i = 0; i < count; i++) env.node(firstId(d)).tick();
}

function each(env: Environment, d: Directive, title: string, run: (id: number) => void): void {
  const ids = plainIds(d);
  for (const id of ids) {
    if (ids.length === 1) {
      run(id);
      continue;
    }
    env.output.write(`> ${id} ${title}\n`);
    env.output.indented(() => run(id));
  }
}

function plainIds(d: Directive): number[] {
  return d.args.filter((a) => a.values.length === 0).map((a) => idOf(a.key));
}

function firstId(d: Directive): number {
  return idOf(d.args[0]?.key ?? '');
}

function idOf(text: string): number {
  return /^\d+$/.test(text) ? Number(text) : fail(`not a number: ${text}`);
}

function value(d: Directive, key: string): string | undefined {
  return d.args.find((a: Argument) => a.key === key)?.values[0];
}

function levelOf(text: string): Level {
  return LEVELS.find((level) => level === text.toUpperCase()) ?? fail(`unknown log level ${text}`);
}

function fail(message: string): never {
  throw new Error(message);
}
