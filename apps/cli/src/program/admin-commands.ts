import type { Command } from 'commander';
import type { CompactFlags } from '../commands/compact.js';
import type { StatusFlags } from '../commands/status.js';
import type { TransferFlags } from '../commands/transfer-leader.js';
import { examples } from './examples.js';
import { quiet, type RunCommand } from './run-command.js';

/** Adds what operators use. */
export function addAdminCommands(program: Command, run: RunCommand): void {
  const status = program
    .command('status')
    .description('what all nodes of the cluster say of their replicas')
    .option('--node <id>', 'only what this node says')
    .action((flags: StatusFlags) =>
      run(quiet(async (context) => (await import('../commands/status.js')).status(context, flags))),
    );
  examples(status, 'doug status', 'doug status --node 2 -o json');

  const compact = program
    .command('compact')
    .description('let history be forgotten: older revisions can no longer be read')
    .option('--partition <id>', 'only this partition (default: all of them)')
    .option('--revision <revision>', 'the oldest that is kept (default: the newest)')
    .action((flags: CompactFlags) =>
      run(
        quiet(async (context) => (await import('../commands/compact.js')).compact(context, flags)),
      ),
    );
  examples(compact, 'doug compact', 'doug compact --partition 2 --revision 100');

  const member = program.command('member').description('the members of the cluster');
  const memberList = member
    .command('list')
    .description('list the members with their addresses')
    .action(() =>
      run(
        quiet(async (context) => (await import('../commands/member-list.js')).memberList(context)),
      ),
    );
  examples(member, 'doug member list');
  examples(memberList, 'doug member list', 'doug member list -o raw');

  const partition = program.command('partition').description('the partitions of the cluster');
  const partitionList = partition
    .command('list')
    .description('list the partitions: range (END does not belong to it), epoch, leader, replicas')
    .action(() =>
      run(
        quiet(async (context) =>
          (await import('../commands/partition-list.js')).partitionList(context),
        ),
      ),
    );
  const transferLeader = partition
    .command('transfer-leader')
    .description('make another replica lead a partition')
    .argument('<partition>', 'its number, as partition list shows it')
    .option('--to <node>', 'the node that is to lead (default: the follower that is furthest)')
    .action((id: string, flags: TransferFlags) =>
      run(
        quiet(async (context) =>
          (await import('../commands/transfer-leader.js')).transferLeader(context, id, flags),
        ),
      ),
    );
  examples(partition, 'doug partition list', 'doug partition transfer-leader 2');
  examples(partitionList, 'doug partition list', 'doug partition list -o json');
  examples(
    transferLeader,
    'doug partition transfer-leader 2',
    'doug partition transfer-leader 2 --to 3',
  );
}
