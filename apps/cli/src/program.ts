import { Command, type CommanderError } from 'commander';
import type { ExportFlags } from './commands/export.js';
import type { GetFlags } from './commands/get.js';
import type { ScanFlags } from './commands/scan.js';
import { type Connect, type Context, makeContext } from './context.js';
import { defaultEndpoint, type GlobalFlags, resolveGlobals } from './globals.js';
import type { Io } from './io.js';
import { UsageError } from './usage-error.js';
import { readVersion } from './version.js';

const exitCodes = `
Exit codes: 0 done, 1 internal error, 2 usage or bad input, 3 key not found, 4 condition failed,
5 outcome unknown (it may have taken effect), 6 not allowed, 7 unavailable or out of time, 130 interrupted.
`;

/**
 * The `doug` command tree. Commands are loaded when they run: --help needs none of them.
 * @param done - takes the exit code of the command that ran
 */
export function makeProgram(io: Io, connect: Connect, done: (exitCode: number) => void): Command {
  const program = new Command('doug')
    .description('Reads and writes a DougDB cluster.')
    .version(readVersion())
    .option(
      '--endpoint <addresses>',
      `HOST:PORT of some nodes, with commas (env: DOUG_ENDPOINTS; default ${defaultEndpoint})`,
    )
    .option('-o, --output <format>', 'table, json (one object a line) or raw (default table)')
    .option('--timeout <time>', "longest wait: '500ms', '5s' (default 5s)")
    .addHelpText('after', exitCodes)
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      // What is wrong with a command line is told once, by whoever runs this; help is not.
      writeErr: (text) => {
        if (!text.startsWith('error: ')) void io.stderr.write(text);
      },
      writeOut: (text) => void io.stdout.write(text),
    })
    // Before subcommands are made: they inherit it.
    .exitOverride();

  /** Runs a command with its context, and keeps its exit code. */
  const run = async (command: (context: Context) => Promise<number | undefined>): Promise<void> => {
    const globals = resolveGlobals(program.opts<GlobalFlags>(), io.env);
    done((await command(makeContext(io, globals, connect))) ?? 0);
  };
  const quiet = (command: (context: Context) => Promise<void>): Promise<void> =>
    run(async (context) => {
      await command(context);
      return undefined;
    });

  program
    .command('put')
    .description('set the value of a key')
    .argument('<key>')
    .argument('<value>', "'-' reads standard input")
    .action((key: string, value: string) =>
      quiet(async (context) => (await import('./commands/put.js')).put(context, key, value)),
    );
  program
    .command('get')
    .description('print the value of a key')
    .argument('<key>')
    .option('--consistency <level>', 'linearizable (default) or eventual')
    .action((key: string, flags: GetFlags) =>
      quiet(async (context) => (await import('./commands/get.js')).get(context, key, flags)),
    );
  program
    .command('del')
    .description('remove a key')
    .argument('<key>')
    .action((key: string) =>
      quiet(async (context) => (await import('./commands/del.js')).del(context, key)),
    );
  program
    .command('scan')
    .description('print the entries of a range in key order')
    .argument('[start]', 'first key')
    .argument('[end]', 'first key that does not belong to the range any more')
    .option('--prefix <prefix>', 'keys that begin with it')
    .option('--limit <count>', 'at most so many')
    .option('--reverse', 'from the last to the first')
    .option('--keys-only', 'no values')
    .option('--consistency <level>', 'linearizable (default) or eventual')
    .action((start: string | undefined, end: string | undefined, flags: ScanFlags) =>
      quiet(async (context) =>
        (await import('./commands/scan.js')).scan(context, start, end, flags),
      ),
    );
  program
    .command('status')
    .description('what each member says of its replicas')
    .action(() => quiet(async (context) => (await import('./commands/status.js')).status(context)));
  program
    .command('member')
    .description('the members of the cluster')
    .command('list')
    .description('list them')
    .action(() =>
      quiet(async (context) => (await import('./commands/member-list.js')).memberList(context)),
    );
  program
    .command('import')
    .description('put every line of NDJSON: {"key", "value"} or {"key_base64", "value_base64"}')
    .argument('<file>', "'-' reads standard input")
    .action((file: string) =>
      run(async (context) => (await import('./commands/import.js')).importFile(context, file)),
    );
  program
    .command('export')
    .description('print everything as NDJSON in key order')
    .option('--prefix <prefix>', 'only keys that begin with it')
    .action((flags: ExportFlags) =>
      quiet(async (context) => (await import('./commands/export.js')).exportAll(context, flags)),
    );
  return program;
}

/** What commander throws, as an error of ours; null: it has done what it was asked for (help, version). */
export function usageErrorOf(error: unknown): UsageError | null | undefined {
  if (!isCommanderError(error)) return undefined;
  if (error.exitCode === 0) return null;
  // `doug` alone, or `doug member`: commander has shown the help.
  if (error.code === 'commander.help') return new UsageError('which command?');
  return new UsageError(error.message.replace(/^error: /, ''));
}

function isCommanderError(error: unknown): error is CommanderError {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : '';
  return typeof code === 'string' && code.startsWith('commander.');
}
