import type { FileSystem } from '@dougdb/ports';
import { Command, CommanderError } from 'commander';
import { dumpWal } from '../inspect/dump-wal.js';
import { type VerifyReport, verifyWal } from '../inspect/verify-wal.js';

/** What the exit code of `wal` says: scripts branch on it. */
export const WalExit = {
  /** Whole. */
  Ok: 0,
  /** Damage in what was acknowledged, or a WAL that cannot be opened. */
  Damaged: 1,
  /** Wrong usage, or files that cannot be read. */
  Usage: 2,
  /** Whole but for a tail that was never acknowledged: the next open cuts it. */
  Torn: 3,
} as const;
export type WalExit = (typeof WalExit)[keyof typeof WalExit];

/** What the command needs of the world. */
export interface WalCommandIo {
  readonly fs: FileSystem;
  readonly version: string;
  /** Takes text for stdout, newlines included. */
  readonly out: (text: string) => void;
  readonly error: (text: string) => void;
}

/** Runs `wal dump DIR` or `wal verify DIR`. Changes nothing on the disk. */
export function runWalCommand(args: readonly string[], io: WalCommandIo): WalExit {
  let exit: WalExit = WalExit.Ok;
  try {
    program(io, (code) => {
      exit = code;
    }).parse([...args], { from: 'user' });
    return exit;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? WalExit.Ok : WalExit.Usage;
    io.error(`wal: ${error instanceof Error ? error.message : String(error)}\n`);
    return WalExit.Usage;
  }
}

function program(io: WalCommandIo, end: (exit: WalExit) => void): Command {
  const command = new Command('wal')
    .description('Reads a write-ahead log that no process has open. Changes nothing.')
    .version(io.version)
    .exitOverride()
    .configureOutput({ writeOut: io.out, writeErr: io.error })
    .showHelpAfterError('(wal --help lists everything)')
    .addHelpText('after', EXIT_CODES);
  command
    .command('dump')
    .description('prints every header, frame and operation, damage included; no data of entries')
    .argument('<dir>', 'directory of the segments')
    .allowExcessArguments(false)
    .action((dir: string) => dumpWal(io.fs, dir, (line) => io.out(`${line}\n`)));
  command
    .command('verify')
    .description('checks every byte, and tells what is damaged')
    .argument('<dir>', 'directory of the segments')
    .option('--json', 'the report as one JSON object')
    .allowExcessArguments(false)
    .action((dir: string, { json }: { json?: true }) => {
      const report = verifyWal(io.fs, dir);
      io.out(json ? `${JSON.stringify(report)}\n` : describe(report));
      end(exitOf(report));
    });
  return command;
}

const EXIT_CODES = `
Exit codes of verify: 0 whole, 1 damaged, 3 whole but for a torn tail that the next open cuts.
Of both commands: 2 wrong usage, or files that cannot be read.`;

function exitOf(report: VerifyReport): WalExit {
  if (report.refusal !== null || report.corruptions.length > 0) return WalExit.Damaged;
  return report.tail === 'torn' ? WalExit.Torn : WalExit.Ok;
}

function describe(report: VerifyReport): string {
  const lines: string[] = [];
  const { refusal } = report;
  if (refusal !== null) {
    lines.push(`cannot be opened: ${refusal.message} [${refusal.code}]`);
  } else {
    lines.push(`${report.segments} segments, ${report.logs.length} logs`);
    for (const { id, firstIndex, lastIndex, commitHint, faulty } of report.logs) {
      const damage = faulty.length === 0 ? '' : `, ${faulty.length} entries DAMAGED`;
      lines.push(`log ${id} [${firstIndex}, ${lastIndex}] hint ${commitHint}${damage}`);
      for (const { index, term } of faulty) lines.push(`  ${index} term ${term} DAMAGED`);
    }
    if (report.lostFrames > 0)
      lines.push(`${report.lostFrames} frames lost: any log may miss some`);
  }
  for (const { file, offset, what } of report.corruptions) lines.push(`${file} ${offset} ${what}`);
  if (report.tail === 'torn') {
    lines.push(`torn tail of ${report.tornBytes} bytes, never acknowledged: the next open cuts it`);
  }
  lines.push(report.ok ? 'ok' : 'NOT ok');
  return `${lines.join('\n')}\n`;
}
