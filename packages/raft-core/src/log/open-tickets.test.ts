import { message } from '../../test/harness/host.js';
import { type Message, MessageType } from '../message.js';
import { OpenTickets } from './open-tickets.js';

const ack = (index: number) => message(MessageType.MsgAppResp, 2, 1, 3, { index });
const vote = message(MessageType.MsgVoteResp, 2, 1, 3);

const work = (last: number, answers: Message[], selfVoteTerm: number, openedAt = 0) => ({
  ...{ last, answers, selfVoteTerm, openedAt },
  snapshotIndex: 0,
  repairs: [],
});

describe('OpenTickets', () => {
  it('completes in order, one after the other up to the ticket named', () => {
    const tickets = new OpenTickets();
    tickets.open({ ...work(5, [ack(5)], 0), ticket: tickets.next });
    tickets.open({ ...work(0, [vote], 7), ticket: tickets.next });
    tickets.open({ ...work(8, [], 0), ticket: tickets.next });
    expect(tickets.completeNext(2)).toMatchObject({ ticket: 1, last: 5 });
    expect(tickets.completeNext(2)).toMatchObject({ ticket: 2, selfVoteTerm: 7 });
    expect(tickets.completeNext(2)).toBeNull();
    expect(tickets.completeNext(1)).toBeNull();
    expect(tickets.completeNext(3)).toMatchObject({ ticket: 3, last: 8 });
  });

  it('clips every open ticket to what is not overwritten, and drops its acknowledgements', () => {
    const tickets = new OpenTickets();
    tickets.open({ ...work(5, [ack(4), ack(5), vote], 0), ticket: tickets.next });
    tickets.open({ ...work(9, [ack(9)], 0), ticket: tickets.next });
    tickets.truncateFrom(5);
    expect(tickets.completeNext(1)).toMatchObject({ last: 4, answers: [ack(4), vote] });
    expect(tickets.completeNext(2)).toMatchObject({ last: 4, answers: [] });
  });

  it('keeps INVARIANT(tickets-in-order): refuses a ticket that was never handed out', () => {
    const tickets = new OpenTickets();
    tickets.open({ ...work(1, [], 0), ticket: tickets.next });
    expect(() => tickets.completeNext(2)).toThrow(/^tickets-in-order/);
    expect(() => tickets.completeNext(Number.NaN)).toThrow(/^tickets-in-order/);
  });

  it('needs no more room the longer it runs, though some are always open', () => {
    const tickets = new OpenTickets();
    let opened = 0;
    for (let i = 0; i < 3; i++) opened = tickets.open({ ...work(1, [], 0), ticket: tickets.next });
    for (let i = 1; i < 1000; i++) {
      opened = tickets.open({ ...work(1, [], 0), ticket: tickets.next });
      expect(tickets.completeNext(i)).toMatchObject({ ticket: i });
    }
    for (let i = 1000; i <= opened; i++) {
      expect(tickets.completeNext(i)).toMatchObject({ ticket: i });
    }
    expect(tickets.completeNext(opened)).toBeNull();
    expect(tickets.oldestAge(9)).toBe(0);
  });
});
