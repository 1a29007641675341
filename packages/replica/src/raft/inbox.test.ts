import { type Logger, silentLogger, silentMetrics } from '@dougdb/ports';
import { SimScheduler } from '@dougdb/ports/sim';
import {
  type Entry,
  type Message,
  MessageType,
  makeMessage,
  type RawNode,
} from '@dougdb/raft-core';
import { put } from '../../test/support/commands.js';
import { codeOf } from '../error-code.js';
import { EntryWriter } from '../format/entry-writer.js';
import { LogClock } from '../state/log-clock.js';
import { logTimeOf, logTimeSpan } from '../state/log-time.js';
import type { ReplicaState } from '../state/replica-state.js';
import { replicaTelemetry } from '../telemetry.js';
import { Inbox } from './inbox.js';
import { LeaderContact } from './leader-contact.js';
import type { Leadership } from './leadership.js';

class Bench {
  readonly stepped: Message[] = [];
  readonly events: string[] = [];
  status = 'ok';
  readonly scheduler = new SimScheduler();
  readonly logClock: LogClock;
  readonly contact = new LeaderContact(-1e9);
  readonly inbox: Inbox;

  constructor() {
    const clock = this.scheduler.clock();
    const note = (event: string): void => void this.events.push(event);
    const logger: Logger = { ...silentLogger, warn: note, error: note };
    this.logClock = new LogClock(clock, silentLogger, 0);
    this.inbox = new Inbox({
      core: {
        step: (m: Message) => {
          this.stepped.push(m);
          return this.status;
        },
      } as unknown as RawNode,
      state: { appliedIndex: 5 } as ReplicaState,
      logClock: this.logClock,
      contact: this.contact,
      leadership: { askedToCampaign: () => this.events.push('asked') } as unknown as Leadership,
      clock,
      logger,
      telemetry: replicaTelemetry(silentMetrics),
    });
  }

  /** An append of one entry with this log time. */
  append(logTime: number): Message {
    const writer = new EntryWriter();
    const command = put('k', 'v');
    writer.add(command, 0, command.length);
    const entry: Entry = { ...writer.take(logTime, 1), index: 6, term: 2, type: 0 };
    const m = makeMessage(MessageType.MsgApp, 1, 2);
    m.entries = [{ ...entry, index: 5, data: new Uint8Array(0), checksum: 0 }, entry];
    m.commit = 4;
    return m;
  }
}

describe('Inbox', () => {
  it('INVARIANT(entry-whole): drops an append with a damaged entry before the core sees it', () => {
    const bench = new Bench();
    const m = bench.append(1000);
    const [empty, entry] = m.entries as [Entry, Entry];
    bench.inbox.step({ ...m, entries: [empty, { ...entry, checksum: entry.checksum ^ 1 }] });
    bench.inbox.step({ ...m, entries: [{ ...empty, checksum: 7 }, entry] });
    expect(bench.stepped).toEqual([]);
    expect(bench.events).toEqual(['raft.message.damaged', 'raft.message.damaged']);
    bench.inbox.step(m);
    expect(bench.stepped).toHaveLength(1);
  });

  it('takes log time over from the entries of a leader, not from what the core refuses', () => {
    const bench = new Bench();
    const ahead = logTimeOf(bench.scheduler.startWallMs) + logTimeSpan(7_000_000);
    bench.status = 'stale';
    bench.inbox.step(bench.append(ahead));
    expect(bench.logClock.read()).toBeLessThan(ahead);
    bench.status = 'ok';
    bench.inbox.step(bench.append(ahead));
    expect(bench.logClock.stamp()).toBeGreaterThan(ahead);
  });

  it('takes log time over from entries that were damaged here, too: it may lead with them one day', () => {
    const bench = new Bench();
    const ahead = logTimeOf(bench.scheduler.startWallMs) + logTimeSpan(7_000_000);
    const repair = { ...bench.append(ahead), type: MessageType.MsgEntryResp };
    bench.status = 'stale';
    bench.inbox.step(repair);
    expect(bench.logClock.read()).toBeLessThan(ahead);
    bench.status = 'ok';
    bench.inbox.step(repair);
    expect(bench.logClock.stamp()).toBeGreaterThan(ahead);
    // It is not a leader that sends them.
    expect(bench.contact.ageMs(10)).toBeGreaterThan(1e6);
  });

  it('INVARIANT(entry-whole): drops a damaged entry that was to take the place of a damaged one', () => {
    const bench = new Bench();
    const m = { ...bench.append(1000), type: MessageType.MsgEntryResp };
    const [, entry] = m.entries as [Entry, Entry];
    bench.inbox.step({ ...m, entries: [{ ...entry, checksum: entry.checksum ^ 1 }] });
    expect([bench.stepped, bench.events]).toEqual([[], ['raft.message.damaged']]);
  });

  it('notes that the leader was heard', () => {
    const bench = new Bench();
    const heartbeat = { ...makeMessage(MessageType.MsgHeartbeat, 1, 2), commit: 5 };
    bench.status = 'stale';
    bench.inbox.step(heartbeat);
    expect(bench.contact.ageMs(10)).toBeGreaterThan(1e6);
    bench.status = 'ok';
    bench.inbox.step(heartbeat);
    expect(bench.contact.ageMs(10)).toBe(10);
  });

  it('does not take a heartbeat for fresh state while this replica lags behind the leader', () => {
    const bench = new Bench();
    const heartbeat = { ...makeMessage(MessageType.MsgHeartbeat, 1, 2), commit: 5, index: 9 };
    bench.inbox.step(heartbeat);
    expect(bench.contact.ageMs(10)).toBeGreaterThan(1e6);
    bench.contact.applied(9);
    expect(bench.contact.ageMs(10)).toBe(10);
  });

  it('stops the replica when the leader proves that acknowledged entries are lost', () => {
    const bench = new Bench();
    bench.status = 'lost-log';
    try {
      bench.inbox.step({ ...makeMessage(MessageType.MsgHeartbeat, 1, 2), commit: 50 });
      throw new Error('it went on');
    } catch (error) {
      expect(codeOf(error)).toBe('REPLICA_LOG_LOST');
    }
    expect(bench.events).toEqual(['raft.log.lost']);
  });
});
