import { recordingLogger, recordingMetrics, SimRandom, SimScheduler } from '@dougdb/ports/sim';
import { type Message, MessageType, makeMessage } from '@dougdb/raft-core';
import { encodeMessagesRequest } from '@dougdb/replica';
import {
  Channel,
  DougError,
  type Handshake,
  limits,
  MessagesRequest,
  MessagesResponse,
} from '@dougdb/rpc-proto';
import { membership, uuidOf } from '../../test/fake-membership.js';
import type { PeerLinkEvents } from '../contract.js';
import { memberTelemetry } from '../telemetry.js';
import { AddressBook } from './address-book.js';
import { makeHandshake } from './handshake.js';
import { OutgoingLink } from './outgoing-link.js';
import { PeerStreams, Peers } from './peers.js';

interface Opened {
  readonly address: string;
  readonly channel: string;
  readonly sent: Uint8Array[];
  readonly events: PeerLinkEvents;
  isClosed: boolean;
}

function outgoing(accepts: () => boolean = () => true, isDraining = () => false) {
  const scheduler = new SimScheduler();
  const clock = scheduler.clock();
  const metrics = recordingMetrics();
  const logger = recordingLogger();
  const opened: Opened[] = [];
  const unreachable: number[] = [];
  const self = membership(1);
  const book = new AddressBook(self, 'h:1', []);
  const context = {
    self,
    advertise: 'h:1',
    book,
    clock,
    logger,
    random: new SimRandom(1),
    telemetry: memberTelemetry(metrics),
    isDraining,
    onUnreachable: (nodeId: number) => unreachable.push(nodeId),
    network: {
      openLink: (address: string, channel: string, events: PeerLinkEvents) => {
        const link: Opened = { address, channel, sent: [], events, isClosed: false };
        opened.push(link);
        return {
          send: (bytes: Uint8Array) => {
            if (!accepts()) return false;
            link.sent.push(bytes.slice());
            return true;
          },
          close: () => {
            link.isClosed = true;
          },
        };
      },
      genesis: () => Promise.reject(new Error('not here')),
    },
  };
  const last = (): Opened => opened.at(-1) as Opened;
  const answer = (handshake: Partial<Handshake> = {}): void => {
    const value = { ...makeHandshake(membership(2), 'h:2', 'control', 1), ...handshake };
    last().events.received(
      MessagesResponse.encode({ payload: { $case: 'handshake', value } }).finish(),
    );
  };
  return { scheduler, clock, metrics, logger, opened, unreachable, book, context, last, answer };
}

function heartbeat(to = 105): Message {
  const message = makeMessage(MessageType.MsgHeartbeat, to, 3);
  message.from = 104;
  return message;
}

function append(bytes: number): Message {
  const message = makeMessage(MessageType.MsgApp, 105, 3);
  message.from = 104;
  message.entries = [{ term: 3, index: 1, type: 0, data: new Uint8Array(bytes), checksum: 1 }];
  return message;
}

const batchOf = (bytes: Uint8Array | undefined): number[] => {
  const { payload } = MessagesRequest.decode(bytes ?? new Uint8Array(0));
  return payload?.$case === 'batch' ? payload.value.messages.map((m) => m.type) : [];
};

describe('outgoing link', () => {
  it('says who it is first, and nothing else before it was answered well', async () => {
    const o = outgoing();
    const link = new OutgoingLink(o.context, 2, 'control');
    link.start();
    link.send(2, heartbeat());
    await o.scheduler.advance(100);
    expect(o.opened.map((l) => l.address)).toEqual(['h:2']);
    expect(o.last().sent.length).toBe(1);
    const { payload } = MessagesRequest.decode(o.last().sent[0] as Uint8Array);
    expect(payload).toMatchObject({
      $case: 'handshake',
      value: { nodeId: 1, toNodeId: 2, advertise: 'h:1', channel: 1 },
    });
    expect(link.connected).toBe(false);
    o.answer();
    await o.scheduler.advance(0);
    expect(link.connected).toBe(true);
    expect(batchOf(o.last().sent[1])).toEqual([MessageType.MsgHeartbeat]);
    link.close();
    expect(o.clock.pendingCount).toBe(0);
    expect(o.last().isClosed).toBe(true);
  });

  it('sends all messages of one turn in one batch, in order', async () => {
    const o = outgoing();
    const link = new OutgoingLink(o.context, 2, 'data');
    link.start();
    o.answer({ channel: 2 });
    link.send(2, append(10));
    link.send(2, heartbeat());
    link.send(2, append(20));
    expect(o.last().sent.length).toBe(1);
    await o.scheduler.advance(0);
    expect(o.last().sent.slice(1).map(batchOf)).toEqual([[3, 8, 3]]);
    link.close();
  });

  it('splits a turn below what a peer takes', async () => {
    const o = outgoing();
    const link = new OutgoingLink(o.context, 2, 'data');
    link.start();
    o.answer({ channel: 2 });
    for (let at = 0; at < 9; at++) link.send(2, append(1 << 20));
    await o.scheduler.advance(0);
    const batches = o.last().sent.slice(1);
    expect(batches.map((bytes) => batchOf(bytes).length)).toEqual([3, 3, 3]);
    expect(Math.max(...batches.map((bytes) => bytes.length))).toBeLessThan(limits.peerEntryBytes);
    link.close();
  });

  it('drops beyond its caps, and says so on a later turn', async () => {
    const o = outgoing();
    const link = new OutgoingLink(o.context, 2, 'data');
    link.start();
    for (let at = 0; at < 40; at++) link.send(2, append(1 << 20));
    expect(o.unreachable).toEqual([]);
    await o.scheduler.advance(0);
    expect(o.unreachable).toEqual([2]);
    expect(o.metrics.value('doug_peer_sent_failures_total', { channel: 'data' })).toBe(9);
    o.answer({ channel: 2 });
    await o.scheduler.advance(0);
    expect(o.last().sent.slice(1).flatMap(batchOf).length).toBe(31);
    link.close();
  });

  it('drops what the connection does not take', async () => {
    let open = true;
    const o = outgoing(() => open);
    const link = new OutgoingLink(o.context, 2, 'control');
    link.start();
    o.answer();
    open = false;
    link.send(2, heartbeat());
    await o.scheduler.advance(0);
    expect(o.unreachable).toEqual([2]);
    link.close();
  });

  it('comes back after a loss, later and later up to a second', async () => {
    const o = outgoing();
    const link = new OutgoingLink(o.context, 2, 'control');
    link.start();
    const openedMs: number[] = [];
    for (let at = 0; at < 9; at++) {
      const count = o.opened.length;
      openedMs.push(o.clock.monotonicMs());
      o.last().events.closed(new Error('cut'));
      while (o.opened.length === count) await o.scheduler.advance(1);
    }
    const pausesMs = openedMs.slice(1).map((ms, at) => ms - (openedMs[at] as number));
    for (const [at, pauseMs] of pausesMs.entries()) {
      const expected = Math.min(1000, 50 * 2 ** at);
      expect(pauseMs).toBeGreaterThanOrEqual(expected * 0.8);
      expect(pauseMs).toBeLessThanOrEqual(expected * 1.2 + 1);
    }
    o.answer();
    expect(link.connected).toBe(true);
    link.send(2, heartbeat());
    o.last().events.closed(new Error('cut'));
    await o.scheduler.advance(0);
    expect(link.connected).toBe(false);
    expect(o.unreachable.length).toBeGreaterThan(0);
    link.close();
  });

  it.each<[string, Partial<Handshake>]>([
    ['another cluster', { clusterId: uuidOf(9) }],
    ['another node', { nodeId: 3, nodeUuid: uuidOf(3) }],
    ['other election times', { electionMinMs: 1 }],
    ['leases', { leaseReads: true }],
  ])('does not talk to %s', async (_what, more) => {
    const o = outgoing();
    const link = new OutgoingLink(o.context, 2, 'control');
    link.start();
    link.send(2, heartbeat());
    o.answer(more);
    await o.scheduler.advance(10);
    expect(link.connected).toBe(false);
    expect(o.last().sent.length).toBe(1);
    expect(o.last().isClosed).toBe(true);
    expect(o.logger.of('peer.refused').length).toBe(1);
    link.close();
  });

  it('ignores what a link says that was given up, and gives up one that does not answer', async () => {
    const o = outgoing();
    const link = new OutgoingLink(o.context, 2, 'control');
    link.start();
    const [first] = o.opened as [Opened];
    await o.scheduler.advance(2_100);
    expect(o.opened.length).toBe(2);
    first.events.closed(new Error('late'));
    first.events.received(Uint8Array.of(255));
    expect(o.opened.length).toBe(2);
    o.answer();
    expect(link.connected).toBe(true);
    link.close();
  });

  it('goes where a peer says it is now, at once', async () => {
    const o = outgoing();
    const peers = new Peers(o.context);
    peers.start();
    for (const link of [...o.opened]) link.events.closed(new Error('gone'));
    const before = o.opened.length;
    o.book.heard(2, 'moved:7');
    expect(o.opened.slice(before).map((link) => link.address)).toEqual(['moved:7', 'moved:7']);
    peers.close();
    expect(o.clock.pendingCount).toBe(0);
  });
});

describe('a node that goes down', () => {
  const statesOf = (link: Opened): boolean[] =>
    link.sent.flatMap((bytes) => {
      const { payload } = MessagesRequest.decode(bytes);
      return payload?.$case === 'state' ? [payload.value.draining] : [];
    });

  it('says so on the control channel, at once and after each handshake', async () => {
    let draining = false;
    const o = outgoing(
      () => true,
      () => draining,
    );
    const peers = new Peers(o.context);
    peers.start();
    for (const link of [...o.opened]) {
      const nodeId = link.address === 'h:2' ? 2 : 3;
      const channel = link.channel === 'data' ? 'data' : 'control';
      const value = makeHandshake(membership(nodeId), link.address, channel, 1);
      link.events.received(
        MessagesResponse.encode({ payload: { $case: 'handshake', value } }).finish(),
      );
    }
    expect(o.opened.flatMap(statesOf)).toEqual([]);
    draining = true;
    peers.tellState();
    for (const link of o.opened) {
      expect(statesOf(link)).toEqual(link.channel === 'control' ? [true] : []);
    }
    const control = o.opened.find((link) => link.address === 'h:2' && link.channel === 'control');
    control?.events.closed(new Error('gone'));
    peers.tellState();
    await o.scheduler.advance(100);
    o.answer();
    expect(statesOf(o.last())).toEqual([true]);
    peers.close();
  });

  it('is known to its peers until it begins anew', () => {
    const i = incoming();
    const state = (draining: boolean): Uint8Array =>
      MessagesRequest.encode({ payload: { $case: 'state', value: { draining } } }).finish();
    const { link } = i.accept();
    link.received(shake());
    expect(i.streams.isDraining(2)).toBe(false);
    link.received(state(true));
    expect([i.streams.isDraining(2), i.streams.isDraining(3)]).toEqual([true, false]);
    const data = i.accept();
    data.link.received(shake({ channel: Channel.CHANNEL_DATA }));
    expect(i.streams.isDraining(2)).toBe(true);
    link.received(state(false));
    expect(i.streams.isDraining(2)).toBe(false);
    link.received(state(true));
    i.accept().link.received(shake());
    expect(i.streams.isDraining(2)).toBe(false);
  });
});

describe('peers', () => {
  it('send every append on the data channel and the rest on the control channel', async () => {
    const o = outgoing();
    const peers = new Peers(o.context);
    peers.start();
    for (const link of o.opened) {
      const nodeId = link.address === 'h:2' ? 2 : 3;
      const channel = link.channel === 'data' ? 'data' : 'control';
      const value = makeHandshake(membership(nodeId), link.address, channel, 1);
      link.events.received(
        MessagesResponse.encode({ payload: { $case: 'handshake', value } }).finish(),
      );
    }
    peers.send(2, 2, append(1));
    peers.send(2, 2, makeMessage(MessageType.MsgApp, 105, 1));
    peers.send(2, 2, heartbeat());
    peers.send(2, 2, makeMessage(MessageType.MsgVote, 105, 1));
    peers.send(9, 2, heartbeat());
    await o.scheduler.advance(0);
    const sent = (channel: string): number[] =>
      o.opened
        .filter((link) => link.address === 'h:2' && link.channel === channel)
        .flatMap((link) => link.sent.slice(1).flatMap(batchOf));
    expect(sent('data')).toEqual([MessageType.MsgApp, MessageType.MsgApp]);
    expect(sent('control')).toEqual([MessageType.MsgHeartbeat, MessageType.MsgVote]);
    peers.close();
  });
});

function incoming(joined = true) {
  const self = joined ? membership(1) : null;
  const delivered: [number, number, number][] = [];
  const learned: [number, string][] = [];
  const metrics = recordingMetrics();
  const streams = new PeerStreams(
    {
      advertise: 'h:1',
      logger: recordingLogger(),
      telemetry: memberTelemetry(metrics),
      self: () => self,
      deliver: (from, partitionId, message) => delivered.push([from, partitionId, message.type]),
    },
    (nodeId, advertise) => learned.push([nodeId, advertise]),
  );
  const accept = () => {
    const replies: MessagesResponse[] = [];
    const ends: DougError[] = [];
    const link = streams.accept(
      (bytes) => replies.push(MessagesResponse.decode(bytes)),
      (error) => ends.push(error as DougError),
    );
    return { link, replies, ends };
  };
  return { streams, delivered, learned, metrics, accept };
}

const shake = (more: Partial<Handshake> = {}): Uint8Array =>
  MessagesRequest.encode({
    payload: {
      $case: 'handshake',
      value: { ...makeHandshake(membership(2), 'moved:2', 'control', 1), ...more },
    },
  }).finish();

const batch = (): Uint8Array =>
  encodeMessagesRequest([{ partitionId: 2, message: heartbeat(104) }]);

describe('incoming link', () => {
  it('answers a good handshake, learns the address, then takes batches', () => {
    const i = incoming();
    const { link, replies, ends } = i.accept();
    link.received(shake());
    expect(replies[0]?.payload).toMatchObject({ $case: 'handshake', value: { nodeId: 1 } });
    expect(i.learned).toEqual([[2, 'moved:2']]);
    link.received(batch());
    expect(i.delivered).toEqual([[2, 2, MessageType.MsgHeartbeat]]);
    expect(ends).toEqual([]);
    link.closed();
    link.received(batch());
    expect(i.delivered.length).toBe(1);
  });

  it.each<[string, Uint8Array, string]>([
    ['another cluster', shake({ clusterId: uuidOf(9) }), 'CLUSTER_MISMATCH'],
    ['another node id', shake({ nodeId: 3 }), 'CLUSTER_MISMATCH'],
    ['another uuid', shake({ nodeUuid: uuidOf(9) }), 'CLUSTER_MISMATCH'],
    ['other election times', shake({ heartbeatMs: 1 }), 'CLUSTER_MISMATCH'],
    ['another protocol version', shake({ protocolVersion: 9 }), 'CLUSTER_MISMATCH'],
    ['another node in mind', shake({ toNodeId: 3 }), 'CLUSTER_MISMATCH'],
    ['no handshake at all', batch(), 'INVALID_ARGUMENT'],
    ['garbage', Uint8Array.of(255, 1, 2), 'INVALID_ARGUMENT'],
  ])('is refused with a definite error and changes nothing: %s', (_what, first, reason) => {
    const i = incoming();
    const { link, replies, ends } = i.accept();
    link.received(first);
    link.received(shake());
    link.received(batch());
    expect(replies.map((reply) => reply.payload?.$case)).toEqual(['error']);
    expect(ends.map((error) => error.reason)).toEqual([reason]);
    expect(i.delivered).toEqual([]);
    expect(i.learned).toEqual([]);
    expect(i.metrics.value('doug_peer_handshake_refused_total')).toBe(1);
  });

  it('is refused as starting while this node belongs to no cluster', () => {
    const { link, ends } = ((i) => i.accept())(incoming(false));
    link.received(shake());
    expect(ends.map((error) => error.reason)).toEqual(['STARTING']);
  });

  it.each<[string, Uint8Array]>([
    ['garbage', Uint8Array.of(0x12, 3, 1, 2, 3)],
    ['a second handshake', shake()],
  ])('ends at %s after the handshake', (_what, bytes) => {
    const i = incoming();
    const { link, ends } = i.accept();
    link.received(shake());
    link.received(bytes);
    link.received(batch());
    expect(ends.map((error) => error.reason)).toEqual(['INVALID_ARGUMENT']);
    expect(i.delivered).toEqual([]);
  });

  it('takes the place of an older one of the same peer and channel', () => {
    const i = incoming();
    const first = i.accept();
    const other = i.accept();
    const second = i.accept();
    first.link.received(shake());
    other.link.received(shake({ channel: 2 }));
    second.link.received(shake());
    expect([first.ends.length, other.ends.length, second.ends.length]).toEqual([1, 0, 0]);
    first.link.closed();
    i.streams.close();
    expect([first.ends.length, other.ends.length, second.ends.length]).toEqual([1, 1, 1]);
    expect(DougError.is(second.ends[0])).toBe(true);
  });
});
