import type { Command, CommanderError } from 'commander';
import { UsageError } from '../cli-errors.js';

/** Thrown when a command line has got what it asked for: help, the version. */
export class Answered extends Error {
  override readonly name = 'Answered';
  readonly code = 'DOUG_ANSWERED';
}

export function isAnswered(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'code' in value
    ? value.code === 'DOUG_ANSWERED'
    : false;
}

/** What others call our commands. */
const otherNames: Readonly<Record<string, string>> = {
  set: 'put',
  write: 'put',
  read: 'get',
  fetch: 'get',
  delete: 'del',
  remove: 'del',
  rm: 'del',
  list: 'scan',
  ls: 'scan',
  keys: 'scan --keys-only',
  subscribe: 'watch',
  tail: 'watch',
  load: 'import',
  dump: 'export',
  members: 'member list',
  nodes: 'member list',
  partitions: 'partition list',
  health: 'status',
};

/** Makes a tree of commands throw UsageError and {@link Answered} instead of ending the process. */
export function throwUsageErrors(command: Command): void {
  command.exitOverride((error) => {
    throw error.exitCode === 0 ? new Answered() : usageError(error, command);
  });
  for (const child of command.commands) throwUsageErrors(child);
}

function usageError(error: CommanderError, command: Command): UsageError {
  const path = pathOf(command);
  const help = `'${path} --help' shows what there is`;
  // `doug` alone, or `doug member`: the help has been shown.
  if (error.code === 'commander.help') return new UsageError('which command?', help);
  const [, what = '', near] =
    /^(?:error: )?(.*?)(?:\n\(Did you mean (.*)\?\))?$/s.exec(error.message) ?? [];
  if (error.code === 'commander.unknownOption') return new UsageError(what, optionHint(near, help));
  const name = error.code === 'commander.unknownCommand' ? nameFor(what, near, command) : undefined;
  return new UsageError(what, name === undefined ? help : `did you mean '${path} ${name}'?`);
}

/** @param near - what was probably meant */
function nameFor(what: string, near: string | undefined, command: Command): string | undefined {
  const unknown = /'(.*)'/s.exec(what)?.[1] ?? '';
  if (command.parent === null && Object.hasOwn(otherNames, unknown)) return otherNames[unknown];
  // Of several that are as near the first.
  return near?.replace(/^one of /, '').split(',', 1)[0];
}

function optionHint(near: string | undefined, help: string): string {
  if (near !== undefined) return `did you mean ${near}?`;
  return `${help}; a key or value that begins with '-' goes after '--'`;
}

function pathOf(command: Command): string {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`;
}
