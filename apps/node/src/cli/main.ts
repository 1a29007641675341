import { Command, CommanderError, Option } from 'commander';
import { kebabCase } from '../config/resolve.js';
import { nodeSchema } from '../config/schema.js';
import { UsageError } from '../config/usage-error.js';
import { version } from '../version.js';

const USAGE = 2;
const LISTS = new Set(['join', 'splitAt', 'locality']);

/**
 * The `doug-node` command. Sets `process.exitCode`; the process ends when nothing is left to do.
 * @param args - without node and script
 */
export async function main(args: readonly string[]): Promise<void> {
  try {
    await program().parseAsync([...args], { from: 'user' });
  } catch (error) {
    process.exitCode = report(error);
  }
}

function program(): Command {
  const root = new Command('doug-node')
    .description('Runs a member of a DougDB cluster.')
    .version(version)
    // Before subcommands are made: they inherit it.
    .exitOverride()
    .showHelpAfterError('(doug-node --help lists everything)');
  const start = root
    .command('start', { isDefault: true })
    .description('run one member (what happens without a command)')
    .usage('[options]')
    .argument('[command]')
    .allowExcessArguments(false)
    .option('--config <file.json>', 'settings as one JSON object; flags and environment win');
  addSettings(start);
  start.action(async (argument: string | undefined, flags: Record<string, unknown>) => {
    // The default command gets what is no command at all.
    if (argument !== undefined) throw new UsageError(`there is no command '${argument}'`);
    const { runStart } = await import('./start-command.js');
    await runStart(flags);
  });
  root
    .command('dev')
    .description('run several members on loopback, as child processes, for trying things out')
    .allowExcessArguments(false)
    .option('--nodes <n>', 'how many members (default: 5, or as many as the directory has)')
    .option('--dir <path>', 'where their data and logs are', './.doug')
    .option('--port-base <port>', 'first port; 0 takes free ones (default: 4400, or as before)')
    .option('--split-at <keys>', 'not served yet')
    .option('--json', 'print the ready line as JSON', false)
    .action(async (flags: Record<string, unknown>) => {
      const { runDev } = await import('./dev-command.js');
      await runDev(flags);
    });
  return root;
}

/** One flag for each setting of the schema, with its help and default from there. */
function addSettings(command: Command): void {
  for (const [key, schema] of Object.entries(nodeSchema.shape)) {
    const flag = `--${kebabCase(key)}`;
    const preset = schema.safeParse(undefined).data;
    const isSwitch = typeof preset === 'boolean';
    const argument = isSwitch ? '' : LISTS.has(key) ? ' <a,b,...>' : ' <value>';
    const shown =
      isSwitch || preset === undefined || Array.isArray(preset) ? '' : ` (default: ${preset})`;
    command.addOption(new Option(`${flag}${argument}`, `${schema.description ?? ''}${shown}`));
  }
}

/** @returns the exit code */
function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : USAGE;
  const { exitCode, message } = error as { exitCode?: unknown; message?: unknown };
  if (exitCode === USAGE) {
    console.error(`doug-node: ${String(message)}`);
    return USAGE;
  }
  console.error('doug-node: internal error:', error);
  return 1;
}
