import type { AskResponse } from '@dougdb/rpc-proto';
import fc from 'fast-check';
import { type Candidate, type Decision, decide } from './decide.js';
import { makeRecord } from './record.js';

const settings = {
  replicationFactor: 5,
  heartbeatMs: 50,
  electionMinMs: 160,
  splitAt: [],
  leaseReads: false,
};
const join = ['h:1', 'h:2', 'h:3'];
const uuidOf = (port: number): Uint8Array => new Uint8Array(16).fill(port);
const candidate = (port: number, more: Partial<Candidate> = {}): Candidate => ({
  uuid: uuidOf(port),
  advertise: `h:${port}`,
  join,
  settings,
  ...more,
});
const empty = (port: number, more: Partial<AskResponse> = {}): AskResponse => ({
  uuid: uuidOf(port),
  address: `h:${port}`,
  empty: true,
  join,
  settings,
  record: undefined,
  ...more,
});
const record = makeRecord(
  [1, 2, 3].map((port) => ({ uuid: uuidOf(port), address: `h:${port}` })),
  settings,
  new Uint8Array(16).fill(0xaa),
  1.7e12,
);
const answers = (...list: (AskResponse | null)[]): Map<string, AskResponse | null> =>
  new Map(list.map((answer, at) => [`h:${at + 2}`, answer]));
const textOf = (decision: Decision): string =>
  decision.kind === 'wait' ? [...decision.missing, ...decision.differs].join('; ') : decision.kind;

describe('what an empty node decides', () => {
  it('the smallest address makes the record when all listed nodes are empty and agree', () => {
    const decision = decide(candidate(1), answers(empty(2), empty(3)));
    expect(decision).toMatchObject({ kind: 'make' });
    expect(decision.kind === 'make' && decision.founders.map((f) => f.address).sort()).toEqual(
      join,
    );
  });

  it('a node that is not the smallest waits', () => {
    const others = new Map([
      ['h:1', empty(1)],
      ['h:3', empty(3)],
    ]);
    expect(decide(candidate(2), others)).toEqual({ kind: 'wait', missing: [], differs: [] });
  });

  it('a cluster of one is made at once', () => {
    expect(decide(candidate(1, { join: ['h:1'] }), new Map()).kind).toBe('make');
  });

  it('waits for whoever did not answer', () => {
    expect(decide(candidate(1), answers(empty(2), null))).toMatchObject({ missing: ['h:3'] });
  });

  it.each<[string, Partial<AskResponse>, string]>([
    ['another list', { join: ['h:1', 'h:2'] }, '--join is h:1,h:2'],
    ['no list', { join: [] }, '--join is empty'],
    ['another factor', { settings: { ...settings, replicationFactor: 3 } }, 'replication factor 3'],
    ['other election times', { settings: { ...settings, heartbeatMs: 10 } }, 'election times 10'],
    ['another split', { settings: { ...settings, splitAt: [uuidOf(1)] } }, '--split-at'],
    ['data', { empty: false }, 'not empty'],
    ['another address', { address: 'h:9' }, 'advertises h:9'],
    ['this node’s uuid', { uuid: uuidOf(1) }, 'same node as h:1'],
    ['the uuid of another listed node', { uuid: uuidOf(2) }, 'same node as h:2'],
    ['no uuid', { uuid: new Uint8Array(0) }, 'no uuid'],
  ])('nobody bootstraps when a node has %s', (_what, more, text) => {
    const decision = decide(candidate(1), answers(empty(2), empty(3, more)));
    expect(decision.kind).toBe('wait');
    expect(textOf(decision)).toContain(text);
  });

  it('a listed node that is in a record lives by it, whoever else is missing', () => {
    const decision = decide(candidate(3), answers(null, empty(3, { empty: false, record })));
    expect(decision).toEqual({ kind: 'adopt', record });
  });

  it('a node that is not in its own list never bootstraps', () => {
    const stranger = candidate(9, { join });
    const others = new Map(join.map((a, at) => [a, empty(at + 1)]));
    expect(textOf(decide(stranger, others))).toContain('never bootstraps');
  });

  it('a node that is not in the record keeps waiting, and a wiped disk is told so', () => {
    const told = (self: Candidate): string =>
      textOf(decide(self, answers(empty(2, { empty: false, record }), empty(3))));
    expect(told(candidate(1, { uuid: uuidOf(77) }))).toContain('disk wiped');
    expect(told(candidate(7, { join: [...join, 'h:7'] }))).toContain('not in its record');
  });

  it('refuses records of two clusters, a bad record and one with other settings', () => {
    const second = { ...record, clusterId: new Uint8Array(16).fill(0xbb) };
    const other = { ...record, settings: { ...settings, electionMinMs: 1 } };
    const two = answers(empty(2, { record }), empty(3, { record: second }));
    expect(textOf(decide(candidate(1), two))).toContain('several clusters');
    const bad = answers(
      empty(2),
      empty(3, { record: { ...record, clusterId: uuidOf(1).slice(1) } }),
    );
    expect(textOf(decide(candidate(1), bad))).toContain('no good');
    const differs = answers(empty(2), empty(3, { record: other }));
    expect(textOf(decide(candidate(1), differs))).toContain('settings differ');
  });

  it('INVARIANT(one-genesis): of any set of nodes with any answers at most one makes a record', () => {
    const answer = fc.constantFrom('empty', 'silent', 'other list', 'data');
    fc.assert(
      fc.property(
        fc.array(fc.array(answer, { minLength: 3, maxLength: 3 }), { minLength: 3, maxLength: 3 }),
        (all) => {
          const makers = [1, 2, 3].filter((port) => {
            const heard = new Map<string, AskResponse | null>();
            for (const other of [1, 2, 3]) {
              if (other === port) continue;
              const kind = all[port - 1]?.[other - 1];
              if (kind === 'silent') heard.set(`h:${other}`, null);
              else if (kind === 'data') heard.set(`h:${other}`, empty(other, { empty: false }));
              else if (kind === 'other list')
                heard.set(`h:${other}`, empty(other, { join: ['h:1'] }));
              else heard.set(`h:${other}`, empty(other));
            }
            const good = [...heard.values()].every((a) => a?.empty && a.join.length === 3);
            const makes = decide(candidate(port), heard).kind === 'make';
            expect(makes).toBe(good && port === 1);
            return makes;
          });
          expect(makers.length).toBeLessThanOrEqual(1);
        },
      ),
    );
  });
});
