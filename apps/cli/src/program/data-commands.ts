import type { Command } from 'commander';
import type { DelFlags } from '../commands/del.js';
import type { ExportFlags } from '../commands/export.js';
import type { GetFlags } from '../commands/get.js';
import type { PutFlags } from '../commands/put.js';
import type { ScanFlags } from '../commands/scan.js';
import type { WatchFlags } from '../commands/watch.js';
import { examples } from './examples.js';
import { quiet, type RunCommand } from './run-command.js';

const consistency = [
  '--consistency <level>',
  'linearizable (default), lease, bounded=MS or eventual',
] as const;
const revision = ['--revision <revision>', 'as it was at this revision of its partition'] as const;
const ifRevision = [
  '--if-revision <revision>',
  'only if it was last written at this revision',
] as const;

/** Adds what reads and writes keys. */
export function addDataCommands(program: Command, run: RunCommand): void {
  const put = program
    .command('put')
    .description('set the value of a key')
    .argument('<key>')
    .argument('<value>', "'-' reads standard input")
    .option(...ifRevision)
    .option('--if-absent', 'only if the key is not there')
    .option('--return-previous', 'print what was there before')
    .option('--ttl <time>', "it goes by itself after this time: '30s', '12h'")
    .action((key: string, value: string, flags: PutFlags) =>
      run(
        quiet(async (context) =>
          (await import('../commands/put.js')).put(context, key, value, flags),
        ),
      ),
    );
  examples(
    put,
    'doug put user/1 Ada',
    'doug put user/2 Eve --if-absent',
    'doug put user/3 - < ada.json',
    'doug put session/1 Ada --ttl 30m',
  );

  const get = program
    .command('get')
    .description('print the value of a key')
    .argument('<key>')
    .option(...consistency)
    .option(...revision)
    .action((key: string, flags: GetFlags) =>
      run(quiet(async (context) => (await import('../commands/get.js')).get(context, key, flags))),
    );
  examples(get, 'doug get user/1', 'doug get user/1 --consistency eventual -o json');

  const del = program
    .command('del')
    .description('remove a key, or all keys of a range')
    .argument('[keys...]', 'a key; with --range START and, if any, END')
    .option(...ifRevision)
    .option('--return-previous', 'print what was there')
    .option('--existed', 'say whether the key was there')
    .option('--prefix <prefix>', 'all keys that begin with it, in chunks')
    .option('--range', 'all keys from START to before END (default: the last one), in chunks')
    .action((keys: string[], flags: DelFlags) =>
      run(quiet(async (context) => (await import('../commands/del.js')).del(context, keys, flags))),
    );
  examples(
    del,
    'doug del user/1',
    'doug del user/2 --existed -o json',
    'doug del --prefix user/',
    'doug del --range user/2 user/5',
  );

  const scan = program
    .command('scan')
    .description('print the entries of a range in key order')
    .argument('[start]', 'first key')
    .argument('[end]', 'first key that does not belong to the range any more')
    .option('--prefix <prefix>', 'keys that begin with it')
    .option('--limit <count>', 'at most so many')
    .option('--reverse', 'from the last to the first')
    .option('--keys-only', 'no values')
    .option('--count', 'only how many there are')
    .option('--token', 'say on standard error where the rest begins')
    .option('--from <token>', 'go on where --token said')
    .option(...consistency)
    .option(...revision)
    .action((start: string | undefined, end: string | undefined, flags: ScanFlags) =>
      run(
        quiet(async (context) =>
          (await import('../commands/scan.js')).scan(context, start, end, flags),
        ),
      ),
    );
  examples(
    scan,
    'doug scan --prefix user/ --limit 10',
    'doug scan user/2 user/5 --keys-only -o raw',
    'doug scan --prefix user/ --count',
  );

  const txn = program
    .command('txn')
    .description(
      'carry out {"if": [...], "then": [...], "else": [...]} on standard input at one moment',
    )
    .action(() => run(quiet(async (context) => (await import('../commands/txn.js')).txn(context))));
  examples(txn, 'doug txn < transfer.json', 'doug txn -o json < transfer.json');

  const watch = program
    .command('watch')
    .description('print changes as they happen, until Ctrl-C')
    .argument('[key]', 'one key; with <end>: the first key of a range')
    .argument('[end]', "first key that does not belong to the range any more; '' for none")
    .option('--prefix <prefix>', 'keys that begin with it')
    .option('--from <token>', 'go on where a watch has ended')
    .option('--from-revision <revision>', 'begin with this revision (of one partition)')
    .option('--previous', 'print what was there before')
    .option('--puts-only', 'no deletes')
    .option('--deletes-only', 'no puts')
    .option('--limit <count>', 'end after so many')
    .action((key: string | undefined, end: string | undefined, flags: WatchFlags) =>
      run(
        quiet(async (context) =>
          (await import('../commands/watch.js')).watch(context, key, end, flags),
        ),
      ),
    );
  examples(
    watch,
    'doug watch user/1 --from-revision 1 --limit 1',
    'doug watch user/ user0 --from-revision 1 --limit 1 -o json',
  );

  const load = program
    .command('import')
    .description('put every line of NDJSON: {"key", "value"} or {"key_base64", "value_base64"}')
    .argument('<file>', "'-' reads standard input")
    .action((file: string) =>
      run(async (context) => (await import('../commands/import.js')).importFile(context, file)),
    );
  examples(load, 'doug import users.ndjson', 'doug export | doug import - --endpoint other:4400');

  const unload = program
    .command('export')
    .description('print everything as NDJSON in key order, whatever -o says')
    .option('--prefix <prefix>', 'only keys that begin with it')
    .action((flags: ExportFlags) =>
      run(
        quiet(async (context) => (await import('../commands/export.js')).exportAll(context, flags)),
      ),
    );
  examples(unload, 'doug export > all.ndjson', 'doug export --prefix user/');
}
