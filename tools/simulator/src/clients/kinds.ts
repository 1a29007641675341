import { adder } from './adder.js';
import type { ClientKind } from './client.js';
import { counters } from './counters.js';
import { eventual } from './eventual.js';
import { intruder } from './intruder.js';
import { levels } from './levels.js';
import { locker } from './locker.js';
import { mortal } from './mortal.js';
import { registers } from './registers.js';
import { repeater } from './repeater.js';
import { sweeper } from './sweeper.js';
import { transactor } from './transactor.js';
import { watcher } from './watcher.js';

/** Everybody who can use the cluster. A new feature is a new line and a file. */
export const clientKinds = {
  registers,
  repeater,
  counters,
  eventual,
  intruder,
  transactor,
  sweeper,
  mortal,
  levels,
  watcher,
  adder,
  locker,
} as const satisfies Record<string, ClientKind>;
export type ClientKindName = keyof typeof clientKinds;
export const clientKindNames = Object.keys(clientKinds) as ClientKindName[];
