import type { SimRandom } from '@dougdb/ports/sim';
import type { LookingWrite } from '../looking-write.js';

/** @param knownRevision - what a condition names: of the key, if nobody has written it since */
export function drawLook(
  random: SimRandom,
  key: string,
  value: string,
  knownRevision: number,
): LookingWrite {
  const returnPrevious = random.chance(0.5);
  const put = { kind: 'put', key, value, ifAbsent: false, ifRevision: 0, returnPrevious } as const;
  const remove = { ...put, kind: 'delete', value: null } as const;
  return random.pick<LookingWrite>([
    { ...put, ifAbsent: true },
    { ...put, ifRevision: knownRevision },
    { ...put, returnPrevious: true },
    { ...put, ifRevision: knownRevision },
    remove,
    { ...remove, ifRevision: knownRevision },
  ]);
}
