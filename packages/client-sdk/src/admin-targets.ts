import type { Engine } from './engine/engine.js';

/** Whom to ask, in turn, what any of them can answer: the facades where there are some, then the rest. */
export function adminTargets({ router, settings }: Engine): readonly string[] {
  const { facades, addresses } = router.finder;
  return facades.length > 0 ? [...new Set([...facades, ...settings.endpoints])] : addresses;
}
