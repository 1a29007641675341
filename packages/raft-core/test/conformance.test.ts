import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runFile } from '../conformance/run-file.js';
import { conformanceDir } from './harness/conformance-dir.js';

/** Folders of etcd-io/raft's data-driven tests and how many directives they hold. */
const folders = [
  ['quorum', 127],
  ['confchange', 58],
  ['interaction', 364],
] as const;

describe.each(folders)('etcd-io/raft %s conformance', (folder, total) => {
  const dir = conformanceDir('etcd-raft', folder);
  if (dir === null) {
    const note = `SKIPPED: conformance data of etcd-io/raft (${folder}) is not there (DOUG_CONFORMANCE_DIR)`;
    console.warn(note);
    it(note, () => {
      expect(dir).toBeNull();
    });
    return;
  }
  const results = readdirSync(dir)
    .filter((name) => name.endsWith('.txt'))
    .map((name) => ({ name, ...runFile(readFileSync(join(dir, name), 'utf8')) }));

  it.each(results)('$name', ({ failure }) => {
    expect(failure).toBeNull();
  });

  it(`has all ${total} directives`, () => {
    expect(results.reduce((sum, { directives }) => sum + directives, 0)).toBe(total);
  });
});

describe('the conformance runner', () => {
  const failureOf = (source: string) => runFile(source).failure;

  it('names the line of the first directive whose output differs', () => {
    const good = 'committed cfg=(1) idx=(5)\n----\n     idx\n>      5    (id=1)\n5\n';
    expect(failureOf(good)).toBeNull();
    expect(failureOf(`${good}\n# wrong\nvote cfg=(1) votes=(y)\n----\nVoteLost\n`)).toEqual({
      line: 8,
      cmd: 'vote',
      expected: 'VoteLost\n',
      actual: 'VoteWon\n',
    });
  });

  it('sees a wrong line of an interaction, and no log lines', () => {
    const source = (line: string) =>
      `add-nodes 1 voters=(1) index=3\n----\nINFO any text\n\ncampaign 1\n----\nINFO x\n\nprocess-ready 1\n----\n${line}\nLead:0 State:StateCandidate\nHardState Term:1 Vote:1 Commit:3\n  INFO y\n`;
    expect(failureOf(source('Ready MustSync=true:'))).toBeNull();
    expect(failureOf(source('Ready MustSync=false:'))).toMatchObject({ cmd: 'process-ready' });
  });

  it.each([
    ['an unknown command', 'fly 1\n----\nok\n', 'unknown command: fly\n'],
    ['an unknown node', 'campaign 7\n----\nok\n', 'there is no node 7\n'],
    [
      'an unknown argument',
      'add-nodes 1 wings=2\n----\nok\n',
      'unknown argument of add-nodes: wings\n',
    ],
    [
      'broken input',
      'add-nodes 1 voters=(1) index=2\n----\nok\n\npropose-conf-change 1\nx1\n----\nok\n',
      'unknown input: x1\n',
    ],
    ['a number that is none', 'propose one foo\n----\nok\n', 'not a number: one\n'],
    ['an empty file', '', 'no directives\n'],
    ['an unclosed directive', 'campaign 1', 'there is no node 1\n'],
  ])('fails %s with a clear line and never throws', (_name, source, actual) => {
    expect(failureOf(source)).toMatchObject({ actual });
  });
});
