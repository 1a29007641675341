import { Command } from 'commander';
import { type Connect, makeContext } from '../context.js';
import {
  defaultEndpoint,
  type GlobalFlags,
  type OutputFormat,
  resolveGlobals,
} from '../globals.js';
import type { Io, Output } from '../io.js';
import { readVersion } from '../version.js';
import { addAdminCommands } from './admin-commands.js';
import { addDataCommands } from './data-commands.js';
import { examples } from './examples.js';
import type { RunCommand } from './run-command.js';
import { throwUsageErrors } from './usage.js';

const exitCodes = `
Exit codes: 0 done, 1 internal error, 2 usage or bad input, 3 key not found, 4 condition failed,
5 outcome unknown (it may have taken effect), 6 not allowed, 7 unavailable or out of time, 130 interrupted.`;

/** What a command line leads to. */
export interface Program {
  /**
   * Runs a command line.
   * @returns the exit code
   * @throws UsageError; what the command throws
   */
  run(args: readonly string[]): Promise<number>;
}

/**
 * The `doug` command tree. Commands are loaded when they run: --help needs none of them.
 * @param format - of errors, as far as the command line can be understood
 */
export function makeProgram(io: Io, connect: Connect, format: OutputFormat): Program {
  let exitCode = 0;
  const shown: { readonly output: Output; readonly text: string }[] = [];
  const program = new Command('doug');
  const run: RunCommand = async (command) => {
    const globals = resolveGlobals(program.opts<GlobalFlags>(), io.env);
    exitCode = (await command(makeContext(io, globals, connect))) ?? 0;
  };
  program
    .description('Reads and writes a DougDB cluster.')
    .version(readVersion())
    .option(
      '--endpoint <addresses>',
      `HOST:PORT of some nodes, with commas (env: DOUG_ENDPOINTS; default ${defaultEndpoint})`,
    )
    .option('-o, --output <format>', 'table, json (one object a line) or raw (default table)')
    .option('--timeout <time>', "longest wait: '500ms', '5s' (default 5s)")
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      // What is wrong with a command line is told once, by whoever runs this; in JSON nothing else is.
      writeErr: (text) => {
        const isTold = text.startsWith('error: ') || format === 'json';
        if (!isTold) shown.push({ output: io.stderr, text });
      },
      writeOut: (text) => shown.push({ output: io.stdout, text }),
      getOutHelpWidth: () => helpWidth(io.stdout.isTty, io.stdout.columns),
      getErrHelpWidth: () => helpWidth(io.stderr.isTty, io.stderr.columns),
    });
  addDataCommands(program, run);
  addAdminCommands(program, run);
  examples(program, 'doug put user/1 Ada', 'doug get user/1', 'doug status');
  program.addHelpText('after', exitCodes);
  throwUsageErrors(program);
  return {
    run: async (args) => {
      try {
        await program.parseAsync([...args], { from: 'user' });
      } finally {
        for (const { output, text } of shown) await output.write(text);
      }
      return exitCode;
    },
  };
}

function helpWidth(isTty: boolean, columns: number): number {
  return isTty ? Math.max(60, Math.min(columns, 120)) : 100;
}
