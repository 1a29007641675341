import { readFileSync } from 'node:fs';
import { NodeFs } from '@dougdb/ports/node';
import { runWalCommand } from './wal-command.js';

/** Lines are handed on in pieces of this size: one write each would be most of the work. */
const PIECE_CHARS = 64 * 1024;

/**
 * The `wal` command. Sets `process.exitCode`.
 * @param args - without node and script
 */
export function main(args: readonly string[]): void {
  // Whoever reads may have seen enough: `wal dump DIR | head`.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    process.exit(error.code === 'EPIPE' ? 0 : 2);
  });
  let piece = '';
  const flush = (): void => {
    process.stdout.write(piece);
    piece = '';
  };
  process.exitCode = runWalCommand(args, {
    fs: new NodeFs(),
    version: readVersion(),
    out: (text) => {
      piece += text;
      if (piece.length > PIECE_CHARS) flush();
    },
    error: (text) => process.stderr.write(text),
  });
  flush();
}

function readVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
