import { NodeFs } from '@dougdb/ports/node';
import { Command, CommanderError } from 'commander';
import { SstErrorCode } from '../../contract.js';
import { codeOf } from '../../encoding/error-code.js';
import { type DumpOptions, dump } from './dump-command.js';
import { type Output, processOutput } from './output.js';
import { type Target, targetOf } from './target.js';
import { verify } from './verify-command.js';
import { readVersion } from './version.js';

/** How a command ends. Scripts rely on these. */
export const ExitCode = { Whole: 0, Damaged: 1, Usage: 2, Torn: 3 } as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

const TARGETS = `
FILE is a table, a manifest or (LevelDB's format) a log; DIR a database of either format. Nobody may
have it open.

Exit codes: 0 whole, 1 damaged (each problem on stderr, with file and offset), 2 usage, or a file that
cannot be read, 3 (verify) whole but for a last record that was cut off before it was durable.`;

/** The `sst` command. Sets process.exitCode. @param args without node and script */
export async function main(args: readonly string[]): Promise<void> {
  process.exitCode = await run(args, processOutput());
}

/** As main, with an output of the caller's. */
export async function run(args: readonly string[], output: Output): Promise<ExitCode> {
  const fs = new NodeFs();
  let exitCode: ExitCode = ExitCode.Whole;
  const program = new Command('sst')
    .description('Looks into sorted tables: those of @dougdb/sstable and of LevelDB.')
    .version(readVersion())
    .addHelpText('after', TARGETS)
    .showHelpAfterError()
    .exitOverride();
  program
    .command('dump')
    .argument('<path>', 'FILE or DIR')
    .description(
      'prints every entry of a table or log, the edits of a manifest, the tables of a directory',
    )
    .option('--json', 'one JSON object a line; bytes that are no UTF-8 as NAME_base64')
    .option('--keys-only', 'without values')
    .action(async (path: string, flags: { json?: boolean; keysOnly?: boolean }) => {
      const options: DumpOptions = {
        isJson: flags.json ?? false,
        keysOnly: flags.keysOnly ?? false,
      };
      await dump(fs, needTarget(fs, path), options, output);
    });
  program
    .command('verify')
    .argument('<path>', 'FILE or DIR')
    .description('reads every byte and checks it')
    .action(async (path: string) => {
      const found = await verify(fs, needTarget(fs, path), output);
      if (found !== 'whole') exitCode = found === 'torn' ? ExitCode.Torn : ExitCode.Damaged;
    });
  try {
    await program.parseAsync([...args], { from: 'user' });
    return exitCode;
  } catch (error) {
    return exitCodeOf(error, output);
  }
}

function needTarget(fs: NodeFs, path: string): Target {
  const target = targetOf(fs, path);
  if (target === null) throw new MissingPathError(`there is no ${path}`);
  return target;
}

class MissingPathError extends Error {
  readonly code = 'SST_CLI_MISSING';
}

function exitCodeOf(error: unknown, output: Output): ExitCode {
  // Commander has printed what is wrong; help and version are no errors.
  if (error instanceof CommanderError)
    return error.exitCode === 0 ? ExitCode.Whole : ExitCode.Usage;
  const code = codeOf(error);
  const message = error instanceof Error ? error.message : String(error);
  output.problem(`${code ?? 'error'} ${message}`);
  const isDamage =
    code === SstErrorCode.Corrupt || code === SstErrorCode.Newer || code === SstErrorCode.Foreign;
  return isDamage ? ExitCode.Damaged : ExitCode.Usage;
}
