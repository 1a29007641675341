import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { status as Status } from '@grpc/grpc-js';
// example
import {
  CommandView,
  codes,
  DougError,
  encodePut,
  PipeRequestWriter,
  readCommand,
  readPipeRequest,
} from '../src/index.js';

function putOverPipe(): string[] {
  const utf8 = new TextEncoder();
  const log: string[] = [];

  // A client puts commands into a message ...
  const writer = new PipeRequestWriter();
  writer.begin(1, new Uint8Array(0));
  writer.addCommand(5000, 0, 0, false, encodePut(null, utf8.encode('user/1'), utf8.encode('Ada')));
  const message = writer.finish();

  // ... and a server walks over it, with offsets and no object for each item.
  const view = new CommandView();
  readPipeRequest(message, {
    begin: (firstId, _clusterIdStart, _clusterIdEnd, itemCount) => {
      log.push(`${itemCount} item from ${firstId}`);
    },
    item: (id, _timeoutMs, _partitionId, _epochVersion, _resend, _op, start, end) => {
      readCommand(message, start, end, view);
      const key = new TextDecoder().decode(message.subarray(view.keyStart, view.keyEnd));
      log.push(`${id}: ${view.kind} ${key}`);
    },
    invalid: (id, error) => log.push(`${id}: ${error.code}`),
    cancel: (id) => log.push(`nobody waits for ${id}`),
  });

  // Errors carry a code of the table and what is certain about the attempt.
  const error = new DougError('NOT_LEADER', 'ask node 3');
  log.push(`${error.code} ${error.outcome} ${codes[error.reason].retry}`);
  return log; // ['1 item from 1', '1: put user/1', 'DOUG_NOT_LEADER NOT_APPLIED at-once']
}
// end of example

const readme = readFileSync(join(__dirname, '../README.md'), 'utf8');

describe('README.md', () => {
  it('shows an example that runs', () => {
    expect(putOverPipe()).toEqual([
      '1 item from 1',
      '1: put user/1',
      'DOUG_NOT_LEADER NOT_APPLIED at-once',
    ]);
    const self = readFileSync(__filename, 'utf8');
    const example = self.slice(
      self.indexOf('// example\n') + '// example\n'.length,
      self.lastIndexOf('// end of example'),
    );
    expect(readme).toContain(example.replace('../src/index.js', '@dougdb/rpc-proto').trim());
  });

  it('shows the table of codes as it is', () => {
    const statusNames = new Map(Object.entries(Status).map(([name, value]) => [value, name]));
    const text = readme.replace(/ +/g, ' ');
    for (const [name, row] of Object.entries(codes)) {
      const status = row.grpcStatus === null ? '-' : statusNames.get(row.grpcStatus);
      expect(text).toContain(
        `| ${name} | ${status} | ${row.outcome} | ${row.retry} | ${row.exitCode} |`,
      );
    }
  });
});
