import { Metadata, type ServiceError, status as Status } from '@grpc/grpc-js';
import fc from 'fast-check';
import { codeNames, codes } from '../codes.js';
import { DougError } from '../doug-error.js';
import type { RouteHint } from '../gen/dougdb/v1/types.js';
import { decodeDetails, encodeStatus } from './google-status.js';
import { fromGrpcError, grpcError } from './grpc-error.js';
import { asBuffer } from './service-definitions.js';

const detailsKey = 'grpc-status-details-bin';
const details = (error: ServiceError): Buffer => error.metadata.get(detailsKey)[0] as Buffer;

function route(boundBytes: number, nodes: number): RouteHint {
  return {
    partition: {
      partitionId: 2,
      keyspace: 1,
      start: new Uint8Array(boundBytes),
      end: new Uint8Array(boundBytes).fill(255),
      epoch: { version: 3, conf: 4 },
      replicas: [{ replicaId: 5, nodeId: 1, role: 1 }],
    },
    leaderNodeId: 1,
    nodes: Array.from({ length: nodes }, (_, i) => ({
      nodeId: i + 1,
      uuid: new Uint8Array(16),
      address: `node-${i}.example:4400`,
    })),
    logTime: 77,
  };
}

/** Size of all metadata as HTTP/2 counts it. */
function trailerBytes(error: ServiceError): number {
  const headers = {
    ...error.metadata.toHttp2Headers(),
    'grpc-status': String(error.code),
    'grpc-message': encodeURI(error.details),
  };
  return Object.entries(headers).reduce(
    (sum, [name, value]) => sum + name.length + String(value).length + 32,
    0,
  );
}

function bare(code: number, text: string): ServiceError {
  return Object.assign(new Error(text), { code, details: text, metadata: new Metadata() });
}

describe('grpcError', () => {
  it('has the status of the table, and never OK', () => {
    for (const name of codeNames) {
      const { code, message } = grpcError(new DougError(name, 'why'));
      const { grpcStatus } = codes[name];
      expect(code).toBe(grpcStatus === null || grpcStatus === 0 ? Status.INTERNAL : grpcStatus);
      expect(message).toBe('why');
    }
  });

  it('has google.rpc.ErrorInfo and dougdb.v1.Error in its details', () => {
    const found = decodeDetails(details(grpcError(new DougError('NOT_LEADER', 'ask node 1'))));
    expect(found.map(({ type }) => type)).toEqual(['google.rpc.ErrorInfo', 'dougdb.v1.Error']);
    expect(Buffer.from(found[0]!.value).toString()).toBe('\n\nNOT_LEADER\x12\x06dougdb');
  });

  it('is google.rpc.Status byte by byte', () => {
    const bytes = encodeStatus(9, 'no', [{ type: 'a.B', value: Uint8Array.of(1) }]);
    const any = `\n\x17type.googleapis.com/a.B\x12\x01\x01`;
    expect(Buffer.from(bytes).toString('latin1')).toBe(`\x08\x09\x12\x02no\x1a\x1c${any}`);
  });

  it('comes back as the error that it was', () => {
    for (const name of codeNames.filter((n) => codes[n].wire !== null)) {
      for (const outcome of ['NOT_APPLIED', 'UNKNOWN'] as const) {
        const error = new DougError(name, 'why', { outcome, route: route(3, 2), retryAfterMs: 9 });
        const back = fromGrpcError(grpcError(error), { kind: 'write' });
        expect(back).toMatchObject({ code: error.code, message: 'why', outcome, retryAfterMs: 9 });
        expect(back.route).toMatchObject({
          leaderNodeId: 1,
          logTime: 77,
          partition: { partitionId: 2, epoch: { version: 3, conf: 4 } },
        });
        expect(fromGrpcError(grpcError(error), { kind: 'read' })).toMatchObject({
          code: error.code,
          outcome: 'NOT_APPLIED',
          retryAfterMs: 9,
        });
      }
    }
  });

  it('stays below 8 KiB of metadata, whatever is in it', () => {
    const aText = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 700 }),
      fc.constantFrom('€'.repeat(600), '\ud800'.repeat(600), '\n%'.repeat(400)),
    );
    fc.assert(
      fc.property(aText, fc.nat(8192), fc.nat(300), (text, boundBytes, nodes) => {
        const error = grpcError(
          new DougError('NOT_LEADER', text, { route: route(boundBytes, nodes) }),
        );
        expect(trailerBytes(error)).toBeLessThan(8192);
        expect(fromGrpcError(error, { kind: 'write' })).toMatchObject({
          code: 'DOUG_NOT_LEADER',
          route: { leaderNodeId: 1, logTime: 77 },
        });
      }),
    );
  });

  it('leaves parts of a route hint out whole, the less useful ones first', () => {
    const told = (boundBytes: number, nodes: number) =>
      fromGrpcError(
        grpcError(new DougError('NOT_LEADER', 'x', { route: route(boundBytes, nodes) })),
        {
          kind: 'read',
        },
      ).route!;
    expect(told(100, 5).nodes).toHaveLength(5);
    expect(told(100, 200)).toMatchObject({ nodes: [{ nodeId: 1 }], partition: { partitionId: 2 } });
    expect(told(100, 200).partition!.start).toHaveLength(100);
    expect(told(8192, 5)).toMatchObject({ partition: undefined });
    expect(told(8192, 5).nodes).toHaveLength(5);
    expect(told(8192, 200)).toMatchObject({ partition: undefined, nodes: [{ nodeId: 1 }] });
  });

  it('makes INTERNAL of whatever else was thrown, outcome UNKNOWN', () => {
    const error = grpcError(new TypeError('x is not a function'));
    expect(error).toMatchObject({
      code: Status.INTERNAL,
      details: 'internal error: x is not a function',
    });
    expect(fromGrpcError(error, { kind: 'write' })).toMatchObject({
      code: 'DOUG_INTERNAL',
      outcome: 'UNKNOWN',
    });
  });
});

describe('fromGrpcError', () => {
  type Row = [code: number, text: string, write: string, unsent: string, read: string];
  // What a bare status is: as a write that was sent, as one that was not, as a read.
  const rows: Row[] = [
    [
      Status.CANCELLED,
      'Call cancelled',
      'ABORTED UNKNOWN',
      'ABORTED NOT_APPLIED',
      'ABORTED NOT_APPLIED',
    ],
    [
      Status.DEADLINE_EXCEEDED,
      'Deadline exceeded after 1s',
      'IN_DOUBT UNKNOWN',
      'DEADLINE NOT_APPLIED',
      'DEADLINE NOT_APPLIED',
    ],
    [
      Status.UNAVAILABLE,
      'Connection dropped',
      'IN_DOUBT UNKNOWN',
      'IN_DOUBT NOT_APPLIED',
      'IN_DOUBT NOT_APPLIED',
    ],
    [
      Status.UNAVAILABLE,
      'No connection established. Last error: ECONNREFUSED',
      'NO_LEADER NOT_APPLIED',
      'NO_LEADER NOT_APPLIED',
      'NO_LEADER NOT_APPLIED',
    ],
    [
      Status.UNAVAILABLE,
      'Stream refused by server',
      'BUSY NOT_APPLIED',
      'BUSY NOT_APPLIED',
      'BUSY NOT_APPLIED',
    ],
    [
      Status.RESOURCE_EXHAUSTED,
      'Received message larger than max (5 vs. 4)',
      'TOO_LARGE NOT_APPLIED',
      'TOO_LARGE NOT_APPLIED',
      'TOO_LARGE NOT_APPLIED',
    ],
    [
      Status.RESOURCE_EXHAUSTED,
      'Attempted to send message with a size larger than 4',
      'TOO_LARGE NOT_APPLIED',
      'TOO_LARGE NOT_APPLIED',
      'TOO_LARGE NOT_APPLIED',
    ],
    [
      Status.RESOURCE_EXHAUSTED,
      'Sent message larger than max (5 vs. 4)',
      'IN_DOUBT UNKNOWN',
      'BUSY NOT_APPLIED',
      'BUSY NOT_APPLIED',
    ],
    [
      Status.RESOURCE_EXHAUSTED,
      'Bandwidth exhausted or memory limit exceeded',
      'IN_DOUBT UNKNOWN',
      'BUSY NOT_APPLIED',
      'BUSY NOT_APPLIED',
    ],
    [
      Status.UNIMPLEMENTED,
      'The server does not implement the method /a/B',
      'UNIMPLEMENTED NOT_APPLIED',
      'UNIMPLEMENTED NOT_APPLIED',
      'UNIMPLEMENTED NOT_APPLIED',
    ],
    [
      Status.UNIMPLEMENTED,
      'No message received',
      'INTERNAL UNKNOWN',
      'INTERNAL NOT_APPLIED',
      'INTERNAL NOT_APPLIED',
    ],
    [
      Status.UNIMPLEMENTED,
      'Too many responses received',
      'INTERNAL UNKNOWN',
      'INTERNAL NOT_APPLIED',
      'INTERNAL NOT_APPLIED',
    ],
    [
      Status.UNAUTHENTICATED,
      '',
      'UNAUTHENTICATED NOT_APPLIED',
      'UNAUTHENTICATED NOT_APPLIED',
      'UNAUTHENTICATED NOT_APPLIED',
    ],
    [
      Status.PERMISSION_DENIED,
      '',
      'PERMISSION_DENIED NOT_APPLIED',
      'PERMISSION_DENIED NOT_APPLIED',
      'PERMISSION_DENIED NOT_APPLIED',
    ],
    [
      Status.FAILED_PRECONDITION,
      'details lost',
      'INTERNAL UNKNOWN',
      'INTERNAL NOT_APPLIED',
      'INTERNAL NOT_APPLIED',
    ],
    [
      Status.INTERNAL,
      'Received RST_STREAM with code 2',
      'INTERNAL UNKNOWN',
      'INTERNAL NOT_APPLIED',
      'INTERNAL NOT_APPLIED',
    ],
    [99, 'who knows', 'INTERNAL UNKNOWN', 'INTERNAL NOT_APPLIED', 'INTERNAL NOT_APPLIED'],
  ];
  it.each(rows)('takes a bare status %p "%s" for %s', (code, text, write, unsent, read) => {
    const name = ({ reason, outcome }: DougError) => `${reason} ${outcome}`;
    const cause = bare(code, text);
    expect(name(fromGrpcError(cause, { kind: 'write' }))).toBe(write);
    expect(name(fromGrpcError(cause, { kind: 'write', sent: false }))).toBe(unsent);
    expect(name(fromGrpcError(cause, { kind: 'read' }))).toBe(read);
    expect(fromGrpcError(cause, { kind: 'read' }).cause).toBe(cause);
  });

  it('says status and details in its message', () => {
    const call = { kind: 'read' } as const;
    expect(fromGrpcError(bare(Status.INTERNAL, 'why'), call).message).toBe('INTERNAL: why');
    expect(fromGrpcError(bare(77, ''), call).message).toBe('status 77: no details');
  });

  it('leaves a DougError as it is and wraps what is no status', () => {
    const error = new DougError('BUSY', 'x');
    expect(fromGrpcError(error, { kind: 'write' })).toBe(error);
    for (const other of [new Error('x'), null, 'x', { code: 'ECONNRESET', details: 'x' }]) {
      expect(fromGrpcError(other, { kind: 'write' })).toMatchObject({
        code: 'DOUG_INTERNAL',
        outcome: 'UNKNOWN',
      });
      expect(fromGrpcError(other, { kind: 'read' })).toMatchObject({ outcome: 'NOT_APPLIED' });
    }
  });

  it.each([
    ['garbage', Uint8Array.of(0x1a, 9, 1)],
    ['nothing', new Uint8Array(0)],
    [
      'details of somebody else',
      encodeStatus(9, 'no', [{ type: 'other.Error', value: Uint8Array.of(9) }]),
    ],
    [
      'an Error that is garbage',
      encodeStatus(9, 'no', [{ type: 'dougdb.v1.Error', value: Uint8Array.of(0x1a, 9) }]),
    ],
  ])('falls back to the bare status when the details are %s', (_what, bytes) => {
    const error = bare(Status.UNAVAILABLE, 'Connection dropped');
    error.metadata.set(detailsKey, asBuffer(bytes));
    expect(fromGrpcError(error, { kind: 'write' })).toMatchObject({
      code: 'DOUG_IN_DOUBT',
      outcome: 'UNKNOWN',
    });
  });
});
