import { type Entry, type Message, MessageType, makeMessage } from '@dougdb/raft-core';
import { FRAME_HEADROOM_BYTES, MessageBatch, MessagesRequest } from '@dougdb/rpc-proto';
import fc from 'fast-check';
import { codeOf } from '../error-code.js';
import {
  decodeMessageBatch,
  encodedMessageBytes,
  encodeMessageBatch,
  encodeMessagesRequest,
  messagesOfBatch,
  type PartitionMessage,
} from './index.js';

const count = fc.oneof(fc.nat(300), fc.maxSafeNat());
const id = count.map((n) => Math.max(1, n));
const { MsgSnap, MsgSnapReq, MsgEntryReq, MsgEntryResp, MsgApp, MsgAppResp, MsgHeartbeat } =
  MessageType;
const offWire: readonly MessageType[] = [MsgSnap, MsgSnapReq, MsgEntryReq, MsgEntryResp];
const onWire = Object.values(MessageType).filter((type) => !offWire.includes(type));

/** Any message that a peer may send. */
const messages: fc.Arbitrary<PartitionMessage> = fc
  .record({
    partitionId: id,
    type: fc.constantFrom(...onWire),
    to: id,
    from: id,
    term: id,
    logTerm: fc.nat(5),
    index: fc.nat({ max: 2 ** 31 - 1 }),
    commit: count,
    reject: fc.boolean(),
    rejectHint: count,
    force: fc.boolean(),
    readToken: count,
    entries: fc.array(
      fc.record({
        data: fc.uint8Array({ maxLength: 300 }),
        checksum: fc.nat({ max: 0xffff_ffff }),
        type: fc.constantFrom(0, 1, 2),
        later: fc.boolean(),
      }),
      { maxLength: 4 },
    ),
  })
  .map((raw) => {
    const message = makeMessage(raw.type, raw.to, raw.term + 20);
    message.from = raw.from;
    message.logTerm = raw.logTerm;
    message.index = raw.index;
    message.commit = raw.commit;
    message.reject = raw.reject;
    message.rejectHint = raw.rejectHint;
    message.force = raw.force;
    const isAppend = raw.type === MsgApp || raw.type === MsgAppResp;
    message.readToken = isAppend ? 0 : raw.readToken;
    if (raw.type === MessageType.MsgApp && raw.entries.length > 0) {
      let term = Math.max(1, raw.logTerm);
      message.entries = raw.entries.map(({ data, checksum, type, later }, i): Entry => {
        term += later ? 1 : 0;
        return { term, index: raw.index + 1 + i, type: type as Entry['type'], data, checksum };
      });
    }
    return { partitionId: raw.partitionId, message };
  })
  .filter(({ message }) => Number.isSafeInteger(message.term));

const codeOfDecoding = (bytes: Uint8Array): unknown => {
  try {
    decodeMessageBatch(bytes);
    return null;
  } catch (error) {
    return codeOf(error);
  }
};

describe('raft codec', () => {
  it('makes the bytes that the generated code makes, and reads them back', () => {
    fc.assert(
      fc.property(fc.array(messages, { maxLength: 4 }), (items) => {
        const bytes = encodeMessageBatch(items);
        const generated = MessageBatch.decode(bytes);
        expect(Buffer.from(MessageBatch.encode(generated).finish())).toEqual(Buffer.from(bytes));
        expect(decodeMessageBatch(bytes)).toEqual(items);
        const size = items.reduce((n, i) => n + encodedMessageBytes(i.partitionId, i.message), 0);
        expect(bytes.length).toBe(size);
      }),
    );
  });

  it('wraps a batch as a request with room for a frame header before it', () => {
    fc.assert(
      fc.property(fc.array(messages, { maxLength: 3 }), (items) => {
        const bytes = encodeMessagesRequest(items);
        expect(bytes.byteOffset).toBe(FRAME_HEADROOM_BYTES);
        const { payload } = MessagesRequest.decode(bytes);
        if (payload?.$case !== 'batch') throw new Error('not a batch');
        expect(messagesOfBatch(payload.value)).toEqual(items);
      }),
    );
  });

  it('refuses what a message alone shows to be wrong', () => {
    const good = (): Message => {
      const m = makeMessage(MessageType.MsgApp, 2, 7);
      m.from = 1;
      m.index = 10;
      m.logTerm = 6;
      m.entries = [
        { term: 6, index: 11, type: 0, data: new Uint8Array([1]), checksum: 1 },
        { term: 7, index: 12, type: 0, data: new Uint8Array(0), checksum: 0 },
      ];
      return m;
    };
    const withEntry = (change: Partial<Entry>): Message => {
      const m = good();
      m.entries = [{ ...(m.entries[0] as Entry), ...change }, m.entries[1] as Entry];
      return m;
    };
    const encoded = (m: Message, partitionId = 4): Uint8Array =>
      encodeMessageBatch([{ partitionId, message: m }]);
    expect(codeOfDecoding(encoded(good()))).toBeNull();
    const wrong: Uint8Array[] = [
      encoded(good(), 0),
      encoded({ ...good(), to: 0 }),
      encoded({ ...good(), from: 0 }),
      encoded({ ...good(), type: 1 as MessageType }),
      encoded({ ...good(), type: 99 as MessageType }),
      encoded({ ...good(), type: MessageType.MsgHeartbeat }),
      encoded({ ...good(), term: 6 }),
      encoded({ ...good(), logTerm: 7 }),
      encoded({ ...good(), index: 11 }),
      encoded(withEntry({ index: 10 })),
      encoded(withEntry({ index: 12 })),
      encoded(withEntry({ term: 5 })),
      encoded(withEntry({ term: 8 })),
      encoded(withEntry({ term: 0 })),
      encoded(withEntry({ type: 3 as Entry['type'] })),
      // A term of 2^53.
      new Uint8Array([0x0a, 0x09, 0x28, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10]),
    ];
    for (const bytes of wrong) expect(codeOfDecoding(bytes)).toBe('REPLICA_BAD_MESSAGE');
  });

  it('neither writes nor reads what has no form on the wire yet: nothing of it may get lost on the way', () => {
    const alike = (change: Partial<Message>): Message => ({
      ...makeMessage(MsgHeartbeat, 2, 7),
      from: 1,
      ...change,
    });
    const unsent = [
      ...offWire.map((type) => alike({ type })),
      alike({ type: MsgApp, readToken: 5 }),
      alike({ type: MsgAppResp, readToken: 5 }),
    ];
    for (const message of unsent) {
      expect(() => encodeMessageBatch([{ partitionId: 1, message }])).toThrow('message-on-wire');
      const raw = MessageBatch.decode(encodeMessageBatch([{ partitionId: 1, message: alike({}) }]));
      expect(messagesOfBatch(raw)).toHaveLength(1);
      Object.assign(raw.messages[0]!, { type: message.type, readToken: message.readToken });
      expect(() => messagesOfBatch(raw)).toThrow(`type ${message.type}`);
    }
    for (const change of [{ repairIndex: 3 }, { denyTerm: 3 }]) {
      const message = alike({ type: MsgAppResp, ...change });
      expect(() => encodeMessageBatch([{ partitionId: 1, message }])).toThrow('message-on-wire');
    }
  });

  it('answers garbage with its error and nothing else', () => {
    fc.assert(
      fc.property(
        fc.array(messages, { minLength: 1, maxLength: 2 }),
        fc.nat(),
        fc.nat({ max: 255 }),
        fc.boolean(),
        (items, at, value, cut) => {
          const bytes = encodeMessageBatch(items);
          bytes[at % bytes.length] = value;
          const damaged = cut ? bytes.subarray(0, at % bytes.length) : bytes;
          expect([null, 'REPLICA_BAD_MESSAGE']).toContain(codeOfDecoding(damaged));
        },
      ),
      { numRuns: 500 },
    );
  });
});
