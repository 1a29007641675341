import { status as Status } from '@grpc/grpc-js';
import { type CodeName, codeFromWire, codeNames, codes, isCodeName } from './codes.js';
import { Code } from './gen/dougdb/v1/types.js';

// The public contract, written down a second time: code, gRPC status, outcome, what the SDK does, exit code.
const contract = `
  INVALID_ARGUMENT  INVALID_ARGUMENT    NOT_APPLIED no            2
  TOO_LARGE         RESOURCE_EXHAUSTED  NOT_APPLIED no            2
  NOT_LEADER        FAILED_PRECONDITION NOT_APPLIED at-once       7
  EPOCH_MISMATCH    FAILED_PRECONDITION NOT_APPLIED at-once       7
  NO_LEADER         UNAVAILABLE         NOT_APPLIED backoff       7
  DRAINING          UNAVAILABLE         NOT_APPLIED backoff       7
  STARTING          UNAVAILABLE         NOT_APPLIED backoff       7
  BUSY              RESOURCE_EXHAUSTED  NOT_APPLIED backoff       7
  NO_SPACE          RESOURCE_EXHAUSTED  NOT_APPLIED backoff       7
  DEADLINE          DEADLINE_EXCEEDED   NOT_APPLIED no            7
  IN_DOUBT          DEADLINE_EXCEEDED   UNKNOWN     with-op-id    5
  COMPARE_FAILED    OK                  NOT_APPLIED no            4
  CROSS_PARTITION   FAILED_PRECONDITION NOT_APPLIED no            1
  SESSION_EXPIRED   FAILED_PRECONDITION UNKNOWN     new-id        5
  RESULT_NOT_KEPT   OK                  UNKNOWN     no            0
  COMPACTED         OUT_OF_RANGE        NOT_APPLIED no            1
  FUTURE_REVISION   OUT_OF_RANGE        NOT_APPLIED no            1
  LAGGING           ABORTED             NOT_APPLIED resume        1
  UNIMPLEMENTED     UNIMPLEMENTED       NOT_APPLIED no            1
  DECODE            -                   NOT_APPLIED no            1
  CLUSTER_MISMATCH  FAILED_PRECONDITION NOT_APPLIED no            1
  CORRUPT           DATA_LOSS           NOT_APPLIED other-replica 1
  UNAUTHENTICATED   UNAUTHENTICATED     NOT_APPLIED no            6
  PERMISSION_DENIED PERMISSION_DENIED   NOT_APPLIED no            6
  ABORTED           CANCELLED           UNKNOWN     no            130
  CLOSED            CANCELLED           UNKNOWN     no            1
  INTERNAL          INTERNAL            UNKNOWN     no            1
`;
const sdkOnly: CodeName[] = ['COMPARE_FAILED', 'DECODE', 'CLOSED'];

describe('the table of codes', () => {
  it('says what the public contract says', () => {
    const statusNames = new Map<number, string>(
      Object.entries(Status).map(([name, value]) => [Number(value), name]),
    );
    const table = codeNames.map((name) => {
      const { grpcStatus, outcome, retry, exitCode } = codes[name];
      const status = grpcStatus === null ? '-' : statusNames.get(grpcStatus);
      return [name, status, outcome, retry, exitCode].join(' ');
    });
    expect(table).toEqual(
      contract
        .trim()
        .split('\n')
        .map((line) => line.trim().replace(/ +/g, ' ')),
    );
  });

  it('has exactly one row for each number of the proto enum', () => {
    for (const [enumName, value] of Object.entries(Code)) {
      if (value <= 0) continue;
      const rows = codeNames.filter((name) => codes[name].wire === value);
      expect(rows).toEqual([enumName.replace('CODE_', '')]);
    }
  });

  it('has a number of the proto enum in each row but those of the SDK', () => {
    const numbers: number[] = Object.values(Code);
    for (const name of codeNames) {
      const { wire } = codes[name];
      if (sdkOnly.includes(name)) expect(wire).toBeNull();
      else expect(numbers).toContain(wire);
    }
  });

  it('finds a name by its number', () => {
    for (const name of codeNames) {
      const { wire } = codes[name];
      if (wire !== null) expect(codeFromWire(wire)).toBe(name);
    }
  });

  it.each([0, -1, 25, 1.5, Number.NaN, 2 ** 53])('knows no name for the number %p', (wire) => {
    expect(codeFromWire(wire)).toBeUndefined();
  });

  it('tells names from other strings', () => {
    expect(isCodeName('BUSY')).toBe(true);
    expect(isCodeName('DOUG_BUSY')).toBe(false);
    expect(isCodeName('constructor')).toBe(false);
    expect(isCodeName('__proto__')).toBe(false);
  });
});
