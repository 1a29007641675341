/** A bug of packages/raft-core/test/mutants, and a run that shows it. */
export interface FoundBug {
  readonly name: string;
  readonly profile: string;
  readonly seed: string;
  /** What is violated first. */
  readonly property: string;
  /** Runs, with profiles in turn, until it was found. */
  readonly runs: number;
}

const found = (
  name: string,
  [profile, seed, property]: readonly [string, string, string],
  runs: number,
): FoundBug => ({ name, profile, seed, property, runs });

/** Found by searching from seed `hunt` on, 12 rounds of all profiles for each. */
export const foundBugs: readonly FoundBug[] = [
  found('vote twice in a term', ['calm', 'hunt-0', 'vote-durable'], 1),
  found('ReadIndex before a commit of the own term', ['turmoil', 'hunt-0', 'read-fresh'], 9),
  found('two configuration changes at once', ['churn', 'hunt-0', 'one-conf-change'], 4),
  found('truncate on every append', ['calm', 'hunt-0', 'commit-durable'], 1),
  found('acknowledge before the sync', ['calm', 'hunt-0', 'ack-durable'], 1),
  found('no empty entry at the start of a term', ['overload', 'hunt-1', 'liveness'], 14),
  found('ReadIndex without a quorum', ['all', 'hunt-0', 'read-fresh'], 9),
  found('count a removed voter', ['churn', 'hunt-0', 'conf-step'], 4),
  found('apply what is not durable here', ['calm', 'hunt-0', 'apply-durable'], 1),
  found(
    'heartbeats carry the leader’s commit, not the follower’s',
    ['calm', 'hunt-0', 'honest-messages-are-valid'],
    1,
  ),
  found('a joint configuration decides by one half', ['churn', 'hunt-0', 'commit-durable'], 4),
  found('a joint configuration is never left by itself', ['all', 'hunt-1', 'liveness'], 18),
  found(
    'a demoted voter is a learner at once',
    ['churn', 'hunt-0', 'honest-messages-are-valid'],
    4,
  ),
  found('a snapshot is acknowledged before it is installed', ['churn', 'hunt-0', 'ack-durable'], 4),
  found('a snapshot in flight holds a follower for ever', ['churn', 'hunt-4', 'liveness'], 44),
  found('a recovering replica votes', ['lying-disk', 'hunt-6', 'leader-completeness'], 62),
  found(
    'a truncation leaves open tickets as they are (ABA)',
    ['turmoil', 'hunt-8', 'ordering'],
    89,
  ),
  found(
    'proposals of a deposed leader get no outcome',
    ['turmoil', 'hunt-0', 'every-proposal-ends'],
    9,
  ),
];
