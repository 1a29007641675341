import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join, posix } from 'node:path';
import {
  CompilerState,
  Extractor,
  ExtractorConfig,
  ExtractorLogLevel,
  type IConfigFile,
} from '@microsoft/api-extractor';
import type { WorkspacePackage } from './workspace.js';

/** An entry of a package and where its report is kept. */
export interface ApiEntry {
  readonly pkg: WorkspacePackage;
  /** Absolute path of the declarations. */
  readonly declarations: string;
  /** `wal.node.api.md` for `@dougdb/wal/node`; stands in `etc/` of the package. */
  readonly report: string;
}

/** What to do with a report that is out of date. */
export type Mode = 'check' | 'update';

/** The entries of packages that have declarations. */
export function apiEntries(packages: readonly WorkspacePackage[]): readonly ApiEntry[] {
  return packages.flatMap((pkg) =>
    Object.entries(pkg.manifest.exports ?? {}).flatMap(([subpath, target]) => {
      if (typeof target === 'string') return [];
      const name = posix.basename(pkg.manifest.name);
      const report = `${[name, ...subpath.split('/').slice(1)].join('.')}.api.md`;
      return [{ pkg, declarations: join(pkg.path, target.types ?? ''), report }];
    }),
  );
}

/**
 * Compares the public interface of every entry with its report, or writes the reports.
 * @param temporary - a folder for what is compared
 * @returns what differs (mode `check`) or was written (mode `update`), in words
 */
export function apiChanges(
  entries: readonly ApiEntry[],
  mode: Mode,
  temporary: string,
): readonly string[] {
  const configs = entries.map((entry) => configure(entry, temporary));
  const [first] = configs;
  if (first === undefined) return [];
  // One program for all of them: reading the declarations is most of the work.
  const compilerState = CompilerState.create(first, {
    additionalEntryPoints: entries.map(({ declarations }) => declarations),
  });
  const changes: string[] = [];
  for (const [n, { pkg, report }] of entries.entries()) {
    const said: string[] = [];
    const { apiReportChanged, errorCount } = Extractor.invoke(configs[n] as ExtractorConfig, {
      compilerState,
      localBuild: mode === 'update',
      messageCallback: (message) => {
        if (message.logLevel === ExtractorLogLevel.Error) said.push(message.text);
        message.handled = true;
      },
    });
    const path = `${pkg.folder}/etc/${report}`;
    if (errorCount > 0) changes.push(`${path}: ${said.join('; ')}`);
    else if (apiReportChanged) changes.push(path);
  }
  return [...changes, ...strayReports(entries, mode)];
}

/** Reports of entries that are no more; mode `update` removes them. */
function strayReports(entries: readonly ApiEntry[], mode: Mode): readonly string[] {
  const known = new Set(entries.map(({ pkg, report }) => join(pkg.path, 'etc', report)));
  return [...new Set(entries.map(({ pkg }) => pkg))].flatMap(({ folder, path }) =>
    readdirSync(join(path, 'etc'))
      .filter((name) => name.endsWith('.api.md') && !known.has(join(path, 'etc', name)))
      .map((name) => {
        if (mode === 'update') rmSync(join(path, 'etc', name));
        return `${folder}/etc/${name} (there is no such entry)`;
      }),
  );
}

function configure({ pkg, declarations, report }: ApiEntry, temporary: string): ExtractorConfig {
  const reportFolder = join(pkg.path, 'etc');
  mkdirSync(reportFolder, { recursive: true });
  const configObject: IConfigFile = {
    projectFolder: pkg.path,
    mainEntryPointFilePath: declarations,
    newlineKind: 'lf',
    compiler: {
      overrideTsconfig: {
        compilerOptions: {
          target: 'es2022',
          // Of the DOM only for the extractor: it does not find AbortSignal and URL in Node's declarations.
          lib: ['es2023', 'esnext.disposable', 'dom'],
          module: 'nodenext',
          types: ['node'],
          strict: true,
          skipLibCheck: true,
        },
        files: [declarations],
      },
    },
    apiReport: {
      enabled: true,
      reportFolder,
      reportTempFolder: temporary,
      reportFileName: report,
    },
    docModel: { enabled: false },
    dtsRollup: { enabled: false },
    tsdocMetadata: { enabled: false },
    messages: {
      compilerMessageReporting: { default: { logLevel: ExtractorLogLevel.None } },
      // Not even forgotten exports: an entry beside the main one uses what that one exports.
      extractorMessageReporting: { default: { logLevel: ExtractorLogLevel.None } },
      tsdocMessageReporting: { default: { logLevel: ExtractorLogLevel.None } },
    },
  };
  return ExtractorConfig.prepare({
    configObject,
    configObjectFullPath: undefined,
    packageJsonFullPath: join(pkg.path, 'package.json'),
  });
}
