import {
  type Analysis,
  checkPackage,
  createPackageFromTarballData,
  type Package,
  type Problem,
  type ResolutionKind,
} from '@arethetypeswrong/core';
import { problemKindInfo } from '@arethetypeswrong/core/problems';
import { type Message, publint } from 'publint';
import { formatMessage } from 'publint/utils';

/**
 * How TypeScript may look for the types of a package that is ES modules only: `attw --profile esm-only`.
 * A CommonJS program gets the same modules by `require`, which the smoke test tries.
 */
const resolutions: readonly ResolutionKind[] = ['node16-esm', 'bundler'];

/** A packed package in memory. */
export function openTarball(tarball: Uint8Array): Package {
  return createPackageFromTarballData(tarball);
}

/** What "are the types wrong" finds, in words. */
export async function typesProblems(pkg: Package): Promise<readonly string[]> {
  const result = await checkPackage(pkg);
  if (result.types === false) return ['has no types'];
  const seen = new Set<number>();
  for (const entry of Object.values(result.entrypoints)) {
    for (const kind of resolutions) {
      for (const index of entry.resolutions[kind].visibleProblems ?? []) seen.add(index);
    }
  }
  return [...seen].map((index) => describe(result, index));
}

function describe({ problems }: Analysis, index: number): string {
  const problem = problems[index] as Problem;
  return `${problemKindInfo[problem.kind].title}: ${JSON.stringify(problem)}`;
}

/** What publint finds, suggestions included, in words. */
export async function publishProblems(tarball: Uint8Array): Promise<readonly string[]> {
  // A copy: a Buffer may be a part of a larger one.
  const bytes = new Uint8Array(tarball).buffer;
  const { messages, pkg } = await publint({ strict: true, pack: { tarball: bytes } });
  return messages.map((message: Message) => {
    const text = formatMessage(message, pkg, { color: false });
    return `${message.type}: ${text ?? JSON.stringify(message)}`;
  });
}
