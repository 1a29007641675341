import { describeAcked } from '#src/quorum/describe.js';
import { JointConfig } from '#src/quorum/joint.js';
import { MajorityConfig } from '#src/quorum/majority.js';
import { VoteResult } from '#src/quorum/vote-result.js';
import type { Directive } from './datadriven.js';

interface Input {
  readonly incoming: readonly number[];
  /** null: the directive names no second half, so a plain majority is meant. */
  readonly outgoing: readonly number[] | null;
  readonly values: readonly string[];
}

/** Runs one directive of etcd's quorum/testdata and returns its output. */
export function runQuorumDirective(d: Directive): string {
  const input = readInput(d);
  const ids = new JointConfig(input.incoming, input.outgoing ?? []).voters;
  // Values belong to the ids in order of appearance, each id once.
  const named = [...new Set([...input.incoming, ...(input.outgoing ?? [])])];
  if (input.values.length !== named.length) {
    return `error: mismatched input (mapping ${d.cmd}) for voters ${ids.join(' ')}: ${input.values.join(' ')}\n`;
  }
  const given = new Map(named.map((id, i) => [id, input.values[i] ?? '_']));
  switch (d.cmd) {
    case 'committed':
      return committed(input, ids, given);
    case 'vote':
      return vote(input, given);
    default:
      return `unknown command: ${d.cmd}\n`;
  }
}

function readInput(d: Directive): Input {
  const find = (key: string) => d.args.find((a) => a.key === key)?.values;
  const cfgj = find('cfgj');
  return {
    incoming: (find('cfg') ?? []).map(Number),
    outgoing: cfgj === undefined ? null : cfgj[0] === 'zero' ? [] : cfgj.map(Number),
    values: find('idx') ?? find('votes') ?? [],
  };
}

function committed(
  input: Input,
  ids: readonly number[],
  given: ReadonlyMap<number, string>,
): string {
  const ackedOf = (id: number): number | null => {
    const value = given.get(id) ?? '_';
    return value === '_' ? null : Number(value);
  };
  const of = (a: readonly number[], b: readonly number[]) =>
    new JointConfig(a, b).committedIndex(ackedOf);
  const { incoming } = input;
  const outgoing = input.outgoing ?? [];
  const index =
    input.outgoing === null
      ? new MajorityConfig(incoming).committedIndex(ackedOf)
      : of(incoming, outgoing);
  const differences = [
    ['swapped', of(outgoing, incoming)],
    ['self-joint', input.outgoing === null ? of(incoming, incoming) : index],
    ['zero-joint', input.outgoing === null ? of(incoming, []) : index],
    ['bisected', Math.min(bisect(incoming, ackedOf), bisect(outgoing, ackedOf))],
  ].filter(([, other]) => other !== index);
  return (
    describeAcked(ids, ackedOf) +
    (index === Number.POSITIVE_INFINITY ? '∞' : String(index)) +
    differences.map(([name, other]) => `\n${name}: ${other}`).join('') +
    '\n'
  );
}

/** A second method: count for each candidate how many have it. */
function bisect(voters: readonly number[], ackedOf: (id: number) => number | null): number {
  if (voters.length === 0) return Number.POSITIVE_INFINITY;
  const acked = voters.map((id) => ackedOf(id) ?? 0);
  const reached = [0, ...acked].filter(
    (index) => acked.filter((a) => a >= index).length > voters.length / 2,
  );
  return Math.max(...reached);
}

function vote(input: Input, given: ReadonlyMap<number, string>): string {
  const voteOf = (id: number): boolean | null => {
    const value = given.get(id) ?? '_';
    return value === '_' ? null : value === 'y';
  };
  const { incoming } = input;
  const outgoing = input.outgoing ?? [];
  const result =
    input.outgoing === null
      ? new MajorityConfig(incoming).voteResult(voteOf)
      : new JointConfig(incoming, outgoing).voteResult(voteOf);
  const name = (r: VoteResult) =>
    Object.entries(VoteResult).find(([, value]) => value === r)?.[0] ?? '?';
  const swapped = new JointConfig(outgoing, incoming).voteResult(voteOf);
  return `${name(result)}\n${swapped === result ? '' : `swapped: ${name(swapped)}\n`}`;
}
