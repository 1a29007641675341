import type { Command } from 'commander';

/** Adds command lines to the help of a command. A test runs each of them. */
export function examples(command: Command, ...lines: readonly string[]): void {
  const text = lines.map((line) => `  $ ${line}`).join('\n');
  command.addHelpText('after', `\nExamples:\n${text}`);
}
