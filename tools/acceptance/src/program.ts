import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';

/** A program on fixed addresses: started, ended and started again with the same arguments. */
export interface Program {
  readonly name: string;
  /** HOST:PORT of its gRPC server. */
  readonly address: string;
  /** HOST:PORT of its HTTP server. */
  readonly admin: string;
  readonly logFile: string;
  /** Of node: the script and what follows it. */
  readonly args: readonly string[];
  /** Beside the environment of this process. */
  readonly env: Readonly<Record<string, string>>;
  /** Null while it is not meant to run. */
  child: ChildProcess | null;
}

/** Starts it; whoever needs it waits until it answers. */
export function startProgram(program: Program): void {
  const log = openSync(program.logFile, 'a', 0o600);
  program.child = spawn(process.execPath, program.args, {
    stdio: ['ignore', log, log],
    env: { ...process.env, ...program.env },
  });
  closeSync(log);
}

/** Ends it with a signal and waits for its end. Answers the exit code. */
export async function endProgram(program: Program, signal: NodeJS.Signals): Promise<number | null> {
  const { child } = program;
  if (child === null) return null;
  program.child = null;
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  const exited = once(child, 'exit');
  child.kill(signal);
  const [code] = (await exited) as [number | null];
  return code;
}

/** Everything that it logged so far. */
export function logOf(program: Program): string {
  return readFileSync(program.logFile, 'utf8');
}

/** Ports of loopback that were free a moment ago. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  for (const server of servers) server.close();
  return ports;
}
