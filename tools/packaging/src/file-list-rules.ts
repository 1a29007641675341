import { posix } from 'node:path';
import type { Manifest } from './workspace.js';

/** A package as packed: what is in the tarball. */
export interface PackedFiles {
  readonly manifest: Manifest;
  /** Paths from the package's folder. */
  readonly paths: readonly string[];
  /** Text of a packed file. */
  readonly read: (path: string) => string;
  /** Documents of the package's folder that must travel with it, like FORMAT.md. */
  readonly documents: readonly string[];
}

const folders = /^(bin|dist|proto|src)\//;
const unwanted: readonly [RegExp, string][] = [
  [/\.(test|spec)\./, 'is a test'],
  [/(^|\/)(spec|test|tests|__tests__|__mocks__|fixtures|coverage)\//, 'belongs to tests'],
  [/\.tsbuildinfo$/, "is the compiler's own state"],
  [/(^|\/)tsconfig.*\.json$/, 'configures the compiler of this repository'],
  [/(^|\/)node_modules\//, "is another package's"],
  [/\.(log|tgz|tmp|orig|rej)$|~$|(^|\/)\.(?!\/)/, 'was left behind'],
];

/** What is wrong with the list of files that npm would publish, in words. */
export function fileListProblems(packed: PackedFiles): readonly string[] {
  const paths = new Set(packed.paths);
  return [
    ...missing(packed, paths),
    ...unexpected(packed.paths, packed.documents),
    ...unpaired(paths),
    ...packed.paths.flatMap((path) => mapProblems(packed, path, paths)),
    ...documentProblems(packed, paths),
  ];
}

function missing({ manifest, documents }: PackedFiles, paths: ReadonlySet<string>) {
  const targets = Object.values(manifest.exports ?? {}).flatMap((target) =>
    typeof target === 'string' ? [target] : Object.values(target),
  );
  const bins = Object.values(manifest.bin ?? {});
  const named = [...targets, ...bins].map((path) => posix.normalize(path));
  return ['package.json', ...documents, ...named]
    .filter((path) => !paths.has(path))
    .map((path) => `${path} is missing`);
}

function unexpected(paths: readonly string[], documents: readonly string[]): readonly string[] {
  const known = new Set(['package.json', ...documents]);
  return paths.flatMap((path) => {
    const reason = unwanted.find(([pattern]) => pattern.test(path))?.[1];
    if (reason !== undefined) return [`${path} ${reason}`];
    return known.has(path) || folders.test(path) ? [] : [`${path} is not foreseen`];
  });
}

/** Every source file has its four outputs, and every output its source: no file of an older build. */
function unpaired(paths: ReadonlySet<string>): readonly string[] {
  const problems: string[] = [];
  const outputs = ['.js', '.js.map', '.d.ts', '.d.ts.map'];
  for (const path of paths) {
    const source = /^src\/(.+)\.ts$/.exec(path)?.[1];
    if (source !== undefined) {
      for (const ending of outputs) {
        if (!paths.has(`dist/${source}${ending}`))
          problems.push(`dist/${source}${ending} is missing: ${path} is not compiled`);
      }
    }
    const output = /^dist\/(.+?)(\.d\.ts|\.js)(\.map)?$/.exec(path)?.[1];
    if (path.startsWith('dist/') && !paths.has(`src/${output}.ts`))
      problems.push(`${path} has no source: a file of an older build`);
  }
  return problems;
}

function mapProblems({ read }: PackedFiles, path: string, paths: ReadonlySet<string>) {
  const beside = (target: string): string => posix.join(posix.dirname(path), target);
  if (path.endsWith('.map')) {
    const map = JSON.parse(read(path)) as { sources: readonly string[]; sourceRoot?: string };
    return map.sources
      .map((source) => beside(`${map.sourceRoot ?? ''}${source}`))
      .filter((source) => !paths.has(source))
      .map((source) => `${path} points to ${source}, which is not there`);
  }
  if (!/^dist\/.*\.(js|ts)$/.test(path)) return [];
  const target = /^\/\/# sourceMappingURL=(.+)$/m.exec(read(path))?.[1];
  return target === undefined || !paths.has(beside(target))
    ? [`${path} names no source map that is there`]
    : [];
}

function documentProblems({ manifest, read }: PackedFiles, paths: ReadonlySet<string>) {
  const problems: string[] = [];
  for (const path of Object.values(manifest.bin ?? {}).map((bin) => posix.normalize(bin))) {
    if (paths.has(path) && !read(path).startsWith('#!/usr/bin/env node\n'))
      problems.push(`${path} does not begin with the line that starts Node`);
  }
  if (paths.has('README.md')) {
    const readme = read('README.md');
    if (!readme.startsWith(`# ${manifest.name}\n`))
      problems.push(`README.md does not begin with "# ${manifest.name}"`);
    for (const [, link = ''] of readme.matchAll(/\]\(([^)\s]+)\)/g)) {
      const file = link.split('#')[0] ?? '';
      if (/^(https?|mailto):/.test(link) || file === '' || paths.has(posix.normalize(file)))
        continue;
      problems.push(`README.md links to ${link}, which is not in the package`);
    }
  }
  const { version } = manifest;
  if (paths.has('CHANGELOG.md') && !headings(read('CHANGELOG.md')).includes(version))
    problems.push(`CHANGELOG.md says nothing of ${version}`);
  return problems;
}

/** The versions that a changelog has a section of. */
function headings(changelog: string): readonly string[] {
  return [...changelog.matchAll(/^##? (\S+)/gm)].map(([, version = '']) => version);
}
