import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { conformanceDir } from './harness/conformance-dir.js';
import { parseDirectives } from './harness/datadriven.js';
import { runQuorumDirective } from './harness/quorum-runner.js';

const quorum = conformanceDir('etcd-raft', 'quorum');

describe('etcd-io/raft quorum conformance', () => {
  if (quorum === null) {
    const note = 'SKIPPED: conformance data of etcd-io/raft is not there (DOUG_CONFORMANCE_DIR)';
    console.warn(note);
    it(note, () => {
      expect(quorum).toBeNull();
    });
    return;
  }
  const files = readdirSync(quorum).filter((name) => name.endsWith('.txt'));

  it.each(files)('%s', (name) => {
    const directives = parseDirectives(readFileSync(join(quorum, name), 'utf8'));
    expect(directives.length).toBeGreaterThan(10);
    for (const d of directives) {
      expect({ line: d.line, output: runQuorumDirective(d) }).toEqual({
        line: d.line,
        output: d.expected,
      });
    }
  });

  it('has all 127 directives', () => {
    const count = files
      .map((name) => parseDirectives(readFileSync(join(quorum, name), 'utf8')).length)
      .reduce((a, b) => a + b, 0);
    expect(count).toBe(127);
  });
});
