/** Not found in a few runs of the profiles in which it lives; what shows it is a test of the package. */
const RARE = 'rare';

/** Planted bugs of packages/raft-core/test/mutants that no recorded run shows, and why. */
export const notByChance: Readonly<Record<string, string>> = {
  'the vote leaves before it is durable':
    'hosts make the hard state durable before any message of its Ready leaves',
  'accept stale rejections': 'it costs messages and breaks no promise: a match never falls',
  'a lease without a margin for clocks that differ':
    'depends on thousands of attempts to lead: sought in profile lease-edge, see planted-bugs.test.ts',
  // Orders of events that are too rare for chance: see scenarios.test.ts.
  'keep a transfer to one that was removed': 'a script',
  'apply an old snapshot': 'a script',
  'denials of different terms are added up': 'a script',
  'acknowledgements of a lost life count': 'a script',
  'a leader’s word to an earlier life is taken for this one': 'a script',
  // Orders of events that nobody has written a script for here.
  'entries above a change are counted by the configuration before it': RARE,
  'an entry is given up by a configuration that is over': RARE,
  'an entry is given up by one half of a joint configuration that may be over': RARE,
  'an entry is given up that the configuration before may have committed': RARE,
  'an entry is given up that a leader was heard to have committed': RARE,
  'denials of a term in which the entry was acknowledged count': RARE,
  'an only voter is not silent, although it may have got company': RARE,
  'a removed leader is a stranger to its followers': RARE,
  'a candidate’s word on commits is taken for any log': RARE,
  'a campaign goes on by a configuration that is over': RARE,
  'acknowledgements that wait leave although damage was found': RARE,
  'a leader counts its own damaged copy': RARE,
  'what stands above a damaged entry is acknowledged': RARE,
  'a snapshot that comes twice is installed twice': RARE,
  'a snapshot is handed out before the entries that it stands for': RARE,
  'a change that was applied above a snapshot is lost': RARE,
  'one without a state machine never leads, though it has the newest log': RARE,
};
