import { type ConfChangeSingle, ConfChangeType } from '#src/confchange/conf-change.js';

const letters = {
  v: ConfChangeType.AddNode,
  l: ConfChangeType.AddLearnerNode,
  r: ConfChangeType.RemoveNode,
  u: ConfChangeType.UpdateNode,
} as const;

/** Reads `v1 l2 r3 u4`. @throws Error for anything else */
export function parseChanges(input: string): ConfChangeSingle[] {
  const tokens = input.split(/\s+/).filter((token) => token !== '');
  return tokens.map((token) => {
    const type = letters[token[0] as keyof typeof letters];
    if (type === undefined || !/^.\d+$/.test(token)) throw new Error(`unknown input: ${token}`);
    return { type, id: Number(token.slice(1)) };
  });
}

export function describeChanges(changes: readonly ConfChangeSingle[]): string {
  const letterOf = (type: ConfChangeType): string =>
    Object.entries(letters).find(([, value]) => value === type)?.[0] ?? '?';
  return changes.map(({ type, id }) => `${letterOf(type)}${id}`).join(' ');
}
