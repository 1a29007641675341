import type { IteratorOptions } from '../../src/contract.js';
import { Kind } from '../../src/encoding/internal-key.js';
import { checkFiles, mustBe } from './check-store.js';
import { drain, shown } from './databases.js';
import { bytes, text } from './entries.js';
import type { Host } from './host.js';
import type { Step } from './steps.js';

/** How often a step is tried: a disk that fails once must not fail it for good. */
const ATTEMPTS = 400;
const ATTEMPTS_A_LIFE = 20;

/**
 * Lets a host do what the steps say, whatever happens on the way: a step that a failure cuts off is done again
 * when the host is up again. Answers what the reading steps showed; each is held against the model, too.
 * @throws WrongStore, and what no failing disk explains
 */
export async function playSteps(host: Host, steps: readonly Step[]): Promise<string[]> {
  const shown: string[] = [];
  for (const [at, step] of steps.entries()) {
    try {
      const output = await playStep(host, step);
      if (output !== null) shown.push(output);
    } catch (error) {
      throw new Error(`step ${at}, ${JSON.stringify(step)}: ${String(error)}`, { cause: error });
    }
  }
  return shown;
}

/**
 * After the last step: everything is flushed, compacted and checked; then the disk does what it should, the
 * database is closed, checked by its files, and opened once more after a power loss.
 */
export async function endSteps(host: Host): Promise<void> {
  const last = ['freeze', 'flushed', 'compact', 'verify'] as const;
  for (const name of last) await playStep(host, { do: name });
  host.calmDown();
  // A file whose removal failed goes at the next open.
  await host.close();
  await host.ensureUp();
  await host.close();
  checkFiles(host.machine.fs, '/data/db');
  await host.crash();
  await host.close();
}

async function playStep(host: Host, step: Step): Promise<string | null> {
  const written = host.sequence;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    try {
      await host.ensureUp();
      // A write is in the log from its first attempt on, and comes into the database with the restart.
      if (isWrite(step) && host.sequence > written) return null;
      const output = await perform(host, step);
      host.noteProgress();
      return output;
    } catch (error) {
      host.tolerate(error);
      // A database that lives on after each failure would meet as many of them for ever: only a start makes the disk
      // more patient.
      if (attempt % ATTEMPTS_A_LIFE === ATTEMPTS_A_LIFE - 1) await host.kill();
    }
  }
  throw new Error(`could not be done in ${ATTEMPTS} attempts`, { cause: host.lastFailure });
}

function isWrite(step: Step): boolean {
  return ['put', 'put-marked', 'delete', 'command'].includes(step.do);
}

async function perform(host: Host, step: Step): Promise<string | null> {
  const { machine } = host;
  switch (step.do) {
    case 'put':
    case 'put-marked': {
      const value = `${step.key}@${host.sequence + 1}`.padEnd(step.sizeBytes, '.');
      const kind = step.do === 'put' ? Kind.Set : Kind.SetMarked;
      host.write([{ key: step.key, kind, value }]);
      return null;
    }
    case 'delete':
      host.write([{ key: step.key, kind: Kind.Delete, value: '' }]);
      return null;
    case 'command': {
      const value = `c${host.sequence + 1}`;
      host.write(step.keys.map((key) => ({ key, kind: Kind.Set, value })));
      return null;
    }
    case 'freeze':
      host.freeze();
      return null;
    case 'wait':
      await machine.settle(step.ms);
      return null;
    case 'flushed':
      await machine.run(host.db.flushed());
      return null;
    case 'compact':
      await machine.run(host.db.compact());
      return null;
    case 'verify':
      await machine.run(host.db.verifyChecksums());
      return null;
    case 'reopen':
      await host.close();
      return null;
    case 'crash':
      await host.crash();
      return null;
    case 'kill':
      await host.kill();
      return null;
    case 'floor':
      host.setFloor(host.sequence - step.ago);
      return null;
    case 'get':
      return read(host, step);
    case 'look':
      return read(host, step);
    case 'iterate':
      return iterate(host, step);
  }
}

async function read(
  { db, model, machine, sequence }: Host,
  step: Extract<Step, { do: 'get' | 'look' }>,
): Promise<string> {
  const atMost = Math.max(model.floor, sequence - step.ago);
  const key = bytes(step.key);
  const found =
    step.do === 'get'
      ? await db.get(key, atMost)
      : await machine.run(Promise.resolve(db.look(key, { sequence: atMost })));
  const line = found === null ? null : shown(found);
  mustBe(`${step.key} as of ${atMost}`, line, model.get(step.key, atMost));
  return `${step.key}: ${line}`;
}

function iterate(
  { db, model, sequence }: Host,
  { start, end, reverse, ago, seek }: Extract<Step, { do: 'iterate' }>,
): string {
  const atMost = Math.max(model.floor, sequence - ago);
  const expected = model.list({ start, end, reverse, sequence: atMost });
  const options: IteratorOptions = {
    reverse,
    sequence: atMost,
    ...(start === undefined ? {} : { start: bytes(start) }),
    ...(end === undefined ? {} : { end: bytes(end) }),
  };
  const shown = drain(db.iterator(options));
  mustBe(`an iterator ${JSON.stringify({ start, end, reverse, atMost })}`, shown, expected);
  if (seek === undefined) return shown.join(' ');
  const iterator = db.iterator(options);
  const found = iterator.seek(bytes(seek)) ? text(iterator.key()) : null;
  iterator.close();
  const keys = expected.map((line) => line.slice(0, line.indexOf('=')));
  const wanted = keys.find((key) => (reverse ? key <= seek : key >= seek)) ?? null;
  mustBe(`a seek to ${seek} in ${JSON.stringify({ start, end, reverse, atMost })}`, found, wanted);
  return `${shown.join(' ')}; ${found}`;
}
