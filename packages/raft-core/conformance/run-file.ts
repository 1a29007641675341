import { ConfChangeRunner } from './confchange-runner.js';
import { type Directive, parseDirectives } from './datadriven.js';
import { InteractionRunner } from './interaction/runner.js';
import { runQuorumDirective } from './quorum-runner.js';

export interface Failure {
  readonly line: number;
  readonly cmd: string;
  readonly expected: string;
  readonly actual: string;
}

export interface FileResult {
  readonly directives: number;
  /** The first directive whose output differs; null if the file passed. */
  readonly failure: Failure | null;
}

/** Runs a file of etcd-io/raft's data-driven tests. It never throws because of what the file says. */
export function runFile(source: string): FileResult {
  let directives: Directive[];
  try {
    directives = parseDirectives(source);
  } catch (error) {
    return { directives: 0, failure: { line: 0, cmd: '', expected: '', actual: messageOf(error) } };
  }
  if (directives.length === 0) {
    const actual = 'no directives\n';
    return { directives: 0, failure: { line: 0, cmd: '', expected: '', actual } };
  }
  const confChange = new ConfChangeRunner();
  const interaction = new InteractionRunner();
  for (const d of directives) {
    const isQuorum = d.cmd === 'committed' || d.cmd === 'vote';
    const isConfChange = d.cmd === 'simple' || d.cmd === 'enter-joint' || d.cmd === 'leave-joint';
    const actual = guarded(() => {
      if (isQuorum) return runQuorumDirective(d);
      return isConfChange ? confChange.run(d) : interaction.run(d);
    });
    const expected = isQuorum || isConfChange ? d.expected : withoutLogLines(d.expected);
    if (actual !== expected) {
      return {
        directives: directives.length,
        failure: { line: d.line, cmd: d.cmd, expected, actual },
      };
    }
  }
  return { directives: directives.length, failure: null };
}

/**
 * Structural mode: the lines that etcd's core logs are part of its golden output and not compared. A
 * directive that prints nothing else prints "ok".
 */
function withoutLogLines(expected: string): string {
  const lines = expected
    .split('\n')
    .filter((line) => !/^\s*(DEBUG|INFO|WARN|ERROR|FATAL) /.test(line));
  const text = lines.join('\n');
  return text.trim() === '' && expected !== '' ? 'ok\n' : text;
}

function guarded(run: () => string): string {
  try {
    return run();
  } catch (error) {
    return `error: ${messageOf(error)}\n`;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
