import {
  type Call,
  encodeOperation,
  type History,
  type OperationRecord,
  parseHistory,
} from '../src/index.js';

/**
 * Histories for people: one operation a line, `PROCESS INVOKE-RETURN[!] OP ...`. No return: unknown; a `!`:
 * fail. `-` is absence, `_` an empty value. The key is k unless OP is `KEY:OP`.
 *
 * `get VALUE`, `put VALUE`, `append VALUE`, `delete`, `cas EXPECTED VALUE [unequal]`; then optional facts:
 * `prev=VALUE`, `existed=true`.
 */
export function shortHistory(text: string): History {
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  return parseHistory(lines.map((line) => `${encodeOperation(recordOf(line))}\n`).join(''));
}

function recordOf(line: string): OperationRecord {
  const [process = '', time = '', name = '', ...words] = line.split(/\s+/);
  const [, invoke, returned, mark] = /^(\d+)-(\d*)(!?)$/.exec(time) ?? [];
  const [op, key] = name.includes(':') ? name.split(':').reverse() : [name, 'k'];
  const facts = words.filter((word) => word.includes('='));
  const values = words.filter((word) => !word.includes('=') && word !== 'unequal').map(registerOf);
  const status = returned === '' ? 'unknown' : mark === '!' ? 'fail' : 'ok';
  const call = { op, key, ...argumentsOf(op as string, values) } as Call;
  const answer = {
    ...(op === 'get' && status === 'ok' ? { value: values[0] as string | null } : {}),
    ...(words.includes('unequal') ? { result: false } : {}),
    ...Object.fromEntries(
      facts.map((fact) => {
        const [fact0 = '', value = ''] = fact.split('=');
        return [fact0, fact0 === 'existed' ? value === 'true' : registerOf(value)];
      }),
    ),
  };
  return {
    process,
    call,
    status,
    answer,
    invoke: Number(invoke),
    return: returned === '' ? null : Number(returned),
  };
}

function argumentsOf(op: string, values: readonly (string | null)[]): object {
  if (op === 'put' || op === 'append') return { value: values[0] };
  if (op === 'cas') return { expected: values[0], value: values[1] };
  return {};
}

function registerOf(word: string): string | null {
  if (word === '-') return null;
  return word === '_' ? '' : word;
}
