import { settingFlags, UsageError } from '@dougdb/host';
import { reportFailure } from '@dougdb/host/node';
import { Command } from 'commander';
import { facadeSchema } from 'doug-facade/settings';
import { nodeSchema } from '../config/schema.js';
import { version } from '../version.js';

/**
 * The `doug-node` command. Sets `process.exitCode`; the process ends when nothing is left to do.
 * @param args - without node and script
 */
export async function main(args: readonly string[]): Promise<void> {
  try {
    await program().parseAsync([...args], { from: 'user' });
  } catch (error) {
    process.exitCode = reportFailure('doug-node', error);
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
  for (const { flag, help } of settingFlags(nodeSchema)) start.option(flag, help);
  start.action(async (argument: string | undefined, flags: Record<string, unknown>) => {
    // The default command gets what is no command at all.
    if (argument !== undefined) throw new UsageError(`there is no command '${argument}'`);
    const { runStart } = await import('./start-command.js');
    await runStart(flags);
  });
  root
    .command('dev')
    .description(
      'run several members and a facade on loopback, as child processes, for trying things out',
    )
    .allowExcessArguments(false)
    .option('--nodes <n>', 'how many members (default: 5, or as many as the directory has)')
    .option('--dir <path>', 'where their data and logs are', './.doug')
    .option(
      '--port-base <port>',
      'port of the first member, the facade stands 100 below; 0 takes free ones (default: 4400, or as before)',
    )
    .option('--split-at <a,b,...>', 'keys at which a new cluster is cut into partitions, ascending')
    .option('--lease-reads', 'let leaders of a new cluster serve reads of level lease')
    .option('--history <duration>', 'how long old versions of keys can be read: see start')
    .option('--json', 'print the ready line as JSON', false)
    .action(async (flags: Record<string, unknown>) => {
      const { runDev } = await import('./dev-command.js');
      await runDev(flags);
    });
  addFacade(root);
  return root;
}

/** What `dev` starts, so that one package is enough to begin. Elsewhere the command is `doug-facade`. */
function addFacade(root: Command): void {
  const facade = root
    .command('facade', { hidden: true })
    .description('run an entry point that routes keys to partitions')
    .allowExcessArguments(false)
    .option('--config <file.json>', 'settings as one JSON object; flags and environment win');
  for (const { flag, help } of settingFlags(facadeSchema)) facade.option(flag, help);
  facade.action(async (flags: Record<string, unknown>) => {
    const { runFacade } = await import('doug-facade');
    await runFacade(flags);
  });
}
