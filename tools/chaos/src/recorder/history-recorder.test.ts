import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkHistory } from '../checker/check-history.js';
import type { Operation } from '../history/operation.js';
import { parseHistory } from '../history/parse-history.js';
import { FileSink } from './file-sink.js';
import { HistoryRecorder } from './history-recorder.js';
import { TextSink } from './history-sink.js';

/** A recorder on a clock that goes on by 10 ns with each look at it. */
function recorder() {
  const sink = new TextSink();
  const clock = { nowNs: 0n as number | bigint };
  const tick = (): number | bigint => {
    clock.nowNs = typeof clock.nowNs === 'bigint' ? clock.nowNs + 10n : clock.nowNs + 10;
    return clock.nowNs;
  };
  const it = new HistoryRecorder({ nowNs: tick, sink });
  const lines = (): unknown[] =>
    sink.text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line));
  return { it, sink, clock, lines };
}

const put = (value: string) => ({ op: 'put', key: 'a', value }) as const;

describe('HistoryRecorder', () => {
  it('writes what was called, when, and what came of it', () => {
    const { it: recorded, lines } = recorder();
    recorded.begin(1, put('v1')).ok({ prev: null });
    recorded.begin('w', { op: 'get', key: 'a' }).ok({ value: 'v1' });
    recorded.begin(1, { op: 'delete', key: 'a' }).ok({ existed: true });
    recorded.begin(1, { op: 'cas', key: 'a', expected: null, value: 'v2' }).ok({ result: true });
    recorded.begin(1, { op: 'append', key: 'a', value: '+' }).ok({});
    recorded.begin(1, { op: 'cas', key: 'a', expected: 'v2', value: null }).ok({ result: false });
    recorded.begin(1, put('v3')).fail();
    recorded.begin(1, put('v4')).unknown();
    const own = { process: '1', key: 'a', status: 'ok' };
    expect(lines()).toEqual([
      { ...own, op: 'put', value: 'v1', invoke: '10', return: '20', prev: null },
      { ...own, process: 'w', op: 'get', value: 'v1', invoke: '30', return: '40' },
      { ...own, op: 'delete', invoke: '50', return: '60', existed: true },
      { ...own, op: 'cas', expected: null, value: 'v2', invoke: '70', return: '80', result: true },
      { ...own, op: 'append', value: '+', invoke: '90', return: '100' },
      {
        ...own,
        op: 'cas',
        expected: 'v2',
        value: null,
        invoke: '110',
        return: '120',
        result: false,
      },
      { ...own, op: 'put', value: 'v3', invoke: '130', return: '140', status: 'fail' },
      { ...own, op: 'put', value: 'v4', invoke: '150', status: 'unknown' },
    ]);
  });

  it('is read back by the parser and judged by the checker', () => {
    const { it: recorded, sink } = recorder();
    const slow = recorded.begin('w1', put('v1'));
    recorded.begin('w2', { op: 'get', key: 'a' }).ok({ value: 'v1' });
    recorded.begin('w2', put('v2')).unknown();
    recorded.begin('w2', { op: 'get', key: 'a' }).ok({ value: 'v2' });
    slow.ok({});
    recorded.begin('w1', { op: 'get', key: 'a' }).ok({ value: 'v2' });
    recorded.close();
    const history = parseHistory(sink.text);
    expect(history.operations.map(({ process, invoke }: Operation) => [process, invoke])).toEqual([
      ['w2', 10],
      ['w2', 30],
      ['w2/1', 40],
      ['w1', 0],
      ['w1', 70],
    ]);
    expect(checkHistory(history).verdict).toBe('linearizable');
    const stale = `${sink.text}{"process":"x","op":"get","key":"a","value":"v1","invoke":"999","return":"1000","status":"ok"}\n`;
    expect(checkHistory(parseHistory(stale)).verdict).toBe('not-linearizable');
  });

  it('gives a process a new name after each unknown, and only then', () => {
    const { it: recorded, sink } = recorder();
    for (let i = 0; i < 3; i++) {
      recorded.begin('w', put(`${i}`)).fail();
      recorded.begin('w', put(`${i}+`)).unknown();
    }
    recorded.begin('w', put('last')).ok({});
    expect(parseHistory(sink.text).operations.map(({ process }) => process)).toEqual([
      'w',
      'w',
      'w/1',
      'w/1',
      'w/2',
      'w/2',
      'w/3',
    ]);
  });

  it('writes what is open at its end as unknown, and takes later answers for nothing new', () => {
    const { it: recorded, sink } = recorder();
    const first = recorded.begin('w1', put('1'));
    const second = recorded.begin('w2', { op: 'get', key: 'a' });
    const done = recorded.begin('w3', put('2'));
    done.ok({});
    expect(recorded.counts).toEqual({ ok: 1, fail: 0, unknown: 0, open: 2 });
    recorded.close();
    recorded.close();
    first.ok({});
    second.fail();
    expect(recorded.counts).toEqual({ ok: 1, fail: 0, unknown: 2, open: 0 });
    expect(parseHistory(sink.text).operations.map((op) => [op.process, op.status])).toEqual([
      ['w3', 'ok'],
      ['w1', 'unknown'],
      ['w2', 'unknown'],
    ]);
    expect(() => recorded.begin('w1', put('3'))).toThrow('the recorder is closed');
  });

  it('closes by itself at the end of a scope', () => {
    const { it: recorded, sink } = recorder();
    {
      using scoped = recorded;
      scoped.begin('w', put('1'));
    }
    expect(parseHistory(sink.text).operations).toMatchObject([{ status: 'unknown' }]);
  });

  it('refuses a second operation of a busy process, and a second end', () => {
    const { it: recorded, lines } = recorder();
    const open = recorded.begin(7, put('1'));
    expect(() => recorded.begin('7', put('2'))).toThrow('process 7 has an operation open');
    open.ok({});
    for (const again of [() => open.ok({}), () => open.fail(), () => open.unknown()]) {
      expect(again).toThrow('an operation of process 7 has ended twice');
    }
    expect(lines()).toHaveLength(1);
  });

  it("refuses names with '/', which stand for what follows an unknown", () => {
    const { it: recorded } = recorder();
    expect(() => recorded.begin('w/1', put('1'))).toThrow("a process name has no '/': w/1");
  });

  it('keeps times beyond 2^53 exact', () => {
    const { it: recorded, clock, sink } = recorder();
    clock.nowNs = 9007199254740993n;
    recorded.begin('w', put('1')).ok({});
    expect(sink.text).toContain('"invoke":"9007199254741003","return":"9007199254741013"');
  });

  it('keeps the order of what happens while the clock stands still', () => {
    const sink = new TextSink();
    const recorded = new HistoryRecorder({ nowNs: () => 5, sink });
    recorded.begin('w1', put('1')).ok({});
    recorded.begin('w2', { op: 'get', key: 'a' }).ok({ value: null });
    expect(sink.text).toContain('"invoke":"5","return":"6"');
    expect(sink.text).toContain('"invoke":"7","return":"8"');
    expect(checkHistory(parseHistory(sink.text)).verdict).toBe('not-linearizable');
  });

  it('refuses a clock that goes back or gives no whole numbers, and loses nothing by it', () => {
    const { it: recorded, clock, lines } = recorder();
    const open = recorded.begin('w', put('1'));
    clock.nowNs = -100n;
    expect(() => open.ok({})).toThrow('the clock went back from 10 to -90');
    expect(() => recorded.begin('x', put('2'))).toThrow('the clock went back');
    clock.nowNs = 0.5;
    expect(() => recorded.begin('x', put('2'))).toThrow('whole nanoseconds, not 10.5');
    recorded.close();
    expect(lines()).toMatchObject([{ process: 'w', status: 'unknown' }]);
  });

  it('keeps an operation open that could not be written', () => {
    const { it: recorded, sink, lines } = recorder();
    const open = recorded.begin('w', put('1'));
    const write = sink.write.bind(sink);
    sink.write = () => {
      throw new Error('disk full');
    };
    expect(() => open.ok({})).toThrow('disk full');
    sink.write = write;
    recorded.close();
    expect(lines()).toMatchObject([{ process: 'w', status: 'unknown' }]);
  });
});

describe('FileSink', () => {
  it('writes all of a history, whatever its size, and closes once', () => {
    const dir = mkdtempSync(join(tmpdir(), 'doug-history-'));
    try {
      const path = join(dir, 'history.jsonl');
      const sink = new FileSink(path);
      let nowNs = 0;
      const recorded = new HistoryRecorder({ nowNs: () => nowNs++, sink });
      for (let i = 0; i < 3_000; i++) recorded.begin('w', put(`\u{1f600}${i}`)).ok({});
      expect(readFileSync(path, 'utf8').length).toBeGreaterThan(0);
      recorded.begin('w', put('open'));
      recorded.close();
      sink.close();
      const { operations } = parseHistory(readFileSync(path, 'utf8'));
      expect(operations).toHaveLength(3_001);
      expect(operations[2_999]?.call).toEqual(put('\u{1f600}2999'));
      expect(operations[3_000]?.status).toBe('unknown');
    } finally {
      rmSync(dir, { recursive: true });
    }
  });

  it('says when the file cannot be made', () => {
    expect(() => new FileSink('/nonexistent/history.jsonl')).toThrow('ENOENT');
  });
});
