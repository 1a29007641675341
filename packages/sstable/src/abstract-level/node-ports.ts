import { NodeClock, NodeFs, NodeRandom } from '@dougdb/ports/node';
import type { LevelPorts } from './level-options.js';

/** The outside world of Node. */
export function nodePorts(): LevelPorts {
  return { fs: new NodeFs(), clock: new NodeClock(), random: new NodeRandom() };
}
