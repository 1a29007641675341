import { settingFlags } from '@dougdb/host';
import { reportFailure } from '@dougdb/host/node';
import { Command } from 'commander';
import { facadeSchema } from '../config/schema.js';
import { version } from '../version.js';

/**
 * The `doug-facade` command. Sets `process.exitCode`; the process ends when nothing is left to do.
 * @param args - without node and script
 */
export async function main(args: readonly string[]): Promise<void> {
  try {
    await program().parseAsync([...args], { from: 'user' });
  } catch (error) {
    process.exitCode = reportFailure('doug-facade', error);
  }
}

function program(): Command {
  const command = new Command('doug-facade')
    .description('Runs an entry point of a DougDB cluster: routes keys to partitions.')
    .version(version)
    .exitOverride()
    .showHelpAfterError('(doug-facade --help lists everything)')
    .allowExcessArguments(false)
    .option('--config <file.json>', 'settings as one JSON object; flags and environment win');
  for (const { flag, help } of settingFlags(facadeSchema)) command.option(flag, help);
  command.action(async (flags: Record<string, unknown>) => {
    const { runFacade } = await import('./start-command.js');
    await runFacade(flags);
  });
  return command;
}
