import { SimRandom } from '@dougdb/ports/sim';
import { Command, InvalidArgumentError, Option } from 'commander';
import { type CommandOutput, positiveInteger, runProgram, usageExitCode } from '../command-line.js';
import { encodeOperation } from '../history/format.js';
import { defaultGeneratorOptions as defaults, generateHistory } from './generate-history.js';
import { type Mutation, mutateHistory, mutations } from './mutate-history.js';

/** The world of the command: what tests hand in instead of the process. */
export interface GenerateIo extends CommandOutput {
  /** @throws if it cannot be written */
  writeFile(path: string, text: string): void;
}

interface Flags {
  readonly out: string;
  readonly seed: string;
  readonly operations: number;
  readonly processes: number;
  readonly keys: number;
  readonly activeKeys: number;
  readonly unknown: number;
  readonly appends: number;
  readonly mutate?: Mutation;
}

/**
 * Writes a history of a store that is right, or one with a planted violation.
 * @param args - without node and script
 * @returns the exit code: 0 written, 2 wrong usage, no place for the violation, or the file cannot be written
 */
export function generateCommand(args: readonly string[], io: GenerateIo): number {
  let exitCode = 0;
  const program = new Command('lincheck:generate')
    .description('Writes a history of a store that is right, or with one planted violation.')
    .requiredOption('--out <file>', 'where to')
    .option('--seed <seed>', 'same seed and options, same bytes', String(defaults.seed))
    .option('--operations <count>', 'operations', positiveInteger, defaults.operations)
    .option('--processes <count>', 'clients', positiveInteger, defaults.processes)
    .option('--keys <count>', 'keys in all', positiveInteger, defaults.keys)
    .option('--active-keys <count>', 'keys in use at once', positiveInteger, defaults.activeKeys)
    .option('--unknown <share>', 'share of unknown outcomes', share, defaults.unknownShare)
    .option('--appends <share>', 'share of appends', share, defaults.appendShare)
    .addOption(new Option('--mutate <kind>', 'plants a violation').choices(mutations))
    .action((flags: Flags) => {
      exitCode = generate(flags, io);
    });
  return runProgram(program, args, io, () => exitCode);
}

function generate(flags: Flags, io: GenerateIo): number {
  const { unknown: unknownShare, appends: appendShare, mutate, out, ...options } = flags;
  const good = generateHistory({ ...options, unknownShare, appendShare });
  const bad = mutate && mutateHistory(good, mutate, new SimRandom(`${flags.seed}/mutate`));
  if (bad === null) {
    io.stderr(`this history has no place for ${mutate}\n`);
    return usageExitCode;
  }
  const records = bad?.records ?? good;
  try {
    io.writeFile(out, records.map((record) => `${encodeOperation(record)}\n`).join(''));
  } catch (error) {
    io.stderr(`${out} cannot be written: ${(error as Error).message}\n`);
    return usageExitCode;
  }
  const about = bad === undefined ? '' : `, ${mutate} planted in key ${JSON.stringify(bad.key)}`;
  io.stdout(`${out}: ${records.length} operations from seed ${flags.seed}${about}\n`);
  return 0;
}

function share(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= 0 && value <= 1) return value;
  throw new InvalidArgumentError('it must be from 0 to 1.');
}
