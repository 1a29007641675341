import { type ConfChanged, enterJoint, leaveJoint, simpleChange } from '#src/confchange/changer.js';
import type { ConfChangeSingle } from '#src/confchange/conf-change.js';
import type { ConfState } from '#src/storage.js';
import { Tracker } from '#src/tracker/tracker.js';
import { parseChanges } from './conf-change-text.js';
import type { Directive } from './datadriven.js';
import { describeConf, describeProgress } from './describe-tracker.js';

const EMPTY: ConfState = {
  voters: [],
  learners: [],
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: false,
};
const LIMITS = { maxInflightMsgs: 10, maxInflightBytes: Number.POSITIVE_INFINITY };

/** Runs the directives of etcd's confchange/testdata; one runner for each file. */
export class ConfChangeRunner {
  #tracker = new Tracker(EMPTY, LIMITS);
  #lastIndex = 0;

  run(d: Directive): string {
    const changed = this.#change(d, parseChanges(d.input));
    const lastIndex = this.#lastIndex++;
    if ('refused' in changed) return `${changed.refused}\n`;
    const { conf, fresh } = changed;
    this.#tracker = new Tracker(conf, LIMITS, { before: this.#tracker, fresh, lastIndex });
    return `${describeConf(conf)}\n${describeProgress(this.#tracker)}`;
  }

  #change(d: Directive, changes: readonly ConfChangeSingle[]): ConfChanged {
    const conf = this.#tracker.confState;
    switch (d.cmd) {
      case 'simple':
        return simpleChange(conf, changes);
      case 'enter-joint': {
        const value = d.args.find((a) => a.key === 'autoleave')?.values[0];
        return enterJoint(conf, changes, { autoLeave: value === 'true' });
      }
      case 'leave-joint':
        if (changes.length > 0) return { refused: 'this command takes no input' };
        return leaveJoint(conf);
      default:
        return { refused: `unknown command: ${d.cmd}` };
    }
  }
}
