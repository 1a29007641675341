// What npm would publish is right: manifests, dependencies, lists of files, types. Prints every problem
// with its package; exit code 1 if there is one.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { canaryProblems } from './canary.js';
import { dependencyProblems, type SourceFile } from './dependency-rules.js';
import { fileListProblems } from './file-list-rules.js';
import { type Commons, manifestProblems } from './manifest-rules.js';
import { packAll, readTarball, type Tarball } from './pack.js';
import { openTarball, publishProblems, typesProblems } from './type-rules.js';
import { publishablePackages, readManifest, root, type WorkspacePackage } from './workspace.js';

const packages = publishablePackages();
const rootManifest = readManifest(root);
const commons: Commons = {
  // They are released together: the first one's is everyone's.
  version: String(packages[0]?.manifest.version),
  license: rootManifest.license,
  engines: rootManifest.engines,
  names: new Set(packages.map(({ manifest }) => manifest.name)),
};
const rootDependencies = new Set(Object.keys(rootManifest.devDependencies ?? {}));

const directory = mkdtempSync(join(tmpdir(), 'doug-packages-'));
try {
  const canary = await canaryProblems();
  for (const problem of canary) console.log(problem);
  let count = canary.length;
  for (const tarball of await packAll(root, packages, directory)) {
    for (const problem of await problemsOf(tarball)) {
      console.log(`${tarball.pkg.folder}: ${problem}`);
      count++;
    }
  }
  console.log(`${packages.length} packages, ${count} problems`);
  process.exitCode = count === 0 ? 0 : 1;
} finally {
  rmSync(directory, { recursive: true, force: true });
}

async function problemsOf({ pkg, file }: Tarball): Promise<readonly string[]> {
  const tarball = readTarball(file);
  const packed = openTarball(tarball);
  const prefix = `/node_modules/${pkg.manifest.name}/`;
  const packedFiles = {
    manifest: pkg.manifest,
    paths: packed.listFiles().map((path) => path.slice(prefix.length)),
    read: (path: string) => packed.readFile(prefix + path),
    documents: documentsOf(pkg),
  };
  return [
    ...manifestProblems(pkg, commons),
    ...dependencyProblems(pkg.manifest, sourcesOf(pkg), rootDependencies),
    ...fileListProblems(packedFiles),
    ...(await publishProblems(tarball)),
    ...(await typesProblems(packed)),
  ];
}

/** Documents that a reader of the package needs. */
function documentsOf({ path }: WorkspacePackage): readonly string[] {
  const formats = readdirSync(path).filter((name) => /^FORMAT.*\.md$/.test(name));
  return ['README.md', 'LICENSE', 'CHANGELOG.md', ...formats];
}

function sourcesOf({ path }: WorkspacePackage) {
  const source = filesIn(path, 'src');
  const isTest = ({ path: file }: SourceFile): boolean => file.includes('.test.');
  return {
    shipped: [...filesIn(path, 'bin'), ...source.filter((file) => !isTest(file))],
    development: [...source.filter(isTest), ...filesIn(path, 'test'), ...filesIn(path, 'bench')],
  };
}

function filesIn(path: string, folder: string): readonly SourceFile[] {
  if (!existsSync(join(path, folder))) return [];
  return readdirSync(join(path, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.[cm]?[jt]s$/.test(file))
    .map((file) => join(folder, file))
    .map((file) => ({ path: file, text: readFileSync(join(path, file), 'utf8') }));
}
