import { DougError } from '@dougdb/rpc-proto';
import { RecordingSink } from '../test/support/sink.js';
import { AnswerRuns } from './answer-runs.js';

const error = (): DougError => new DougError('BUSY', 'test');

/** Answers the next op as written, if somebody waits. */
function answerNext(runs: AnswerRuns, revision: number): void {
  runs.next();
  runs.sink?.written(runs.id, revision);
}

const told = (sink: RecordingSink): string =>
  [...sink.answers]
    .map(([id, answer]) => `${id}:${answer.kind === 'written' ? answer.revision : answer.kind}`)
    .join(' ');

describe('AnswerRuns', () => {
  it('answers in the order of the ops, across sinks, gaps of ids and deadlines', () => {
    const [a, b] = [new RecordingSink(), new RecordingSink()];
    const runs = new AnswerRuns();
    runs.add(a, 1, 10);
    runs.add(a, 2, 10);
    runs.add(b, 3, 10);
    runs.add(a, 3, 10);
    runs.add(a, 7, 10);
    runs.add(a, 8, 20);
    for (let revision = 1; revision <= 6; revision++) answerNext(runs, revision);
    expect(told(a)).toBe('1:1 2:2 3:4 7:5 8:6');
    expect(told(b)).toBe('3:3');
    expect(runs.open).toBe(0);
    answerNext(runs, 9);
    expect(runs.sink).toBeNull();
  });

  it('tells the rest, and only the rest, of a failure', () => {
    const sink = new RecordingSink();
    const runs = new AnswerRuns();
    for (let id = 1; id <= 4; id++) runs.add(sink, id, 10);
    runs.add(sink, 9, 10);
    answerNext(runs, 1);
    runs.failRest(error());
    expect(told(sink)).toBe('1:1 2:failed 3:failed 4:failed 9:failed');
    expect(runs.open).toBe(0);
    runs.failRest(error());
  });

  it('tells those whose deadline has passed, once, and nobody else', () => {
    const sink = new RecordingSink();
    const runs = new AnswerRuns();
    for (let id = 1; id <= 3; id++) runs.add(sink, id, 10);
    for (let id = 4; id <= 6; id++) runs.add(sink, id, 20);
    for (let id = 7; id <= 8; id++) runs.add(sink, id, 10);
    answerNext(runs, 1);
    expect(runs.expire(9, error)).toBe(0);
    expect(runs.expire(10, error)).toBe(4);
    expect(runs.earliestDeadlineMs).toBe(20);
    expect(told(sink)).toBe('1:1 2:failed 3:failed 7:failed 8:failed');
    for (let revision = 2; revision <= 8; revision++) answerNext(runs, revision);
    expect(told(sink)).toBe('1:1 2:failed 3:failed 7:failed 8:failed 4:4 5:5 6:6');
    expect(runs.open).toBe(0);
    expect(runs.expire(99, error)).toBe(0);
  });

  it('does not answer an expired op again when the rest fails', () => {
    const sink = new RecordingSink();
    const runs = new AnswerRuns();
    runs.add(sink, 1, 10);
    runs.add(sink, 2, 30);
    expect(runs.expire(10, error)).toBe(1);
    runs.failRest(error());
    expect(told(sink)).toBe('1:failed 2:failed');
  });
});
