import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { listenAddress } from './readme-example.js';

describe('the README', () => {
  it('shows an example that runs', () => {
    expect(listenAddress({})).toBe('127.0.0.1:0');
    expect(listenAddress({ MINE_LISTEN: '127.0.0.1:9' })).toBe('127.0.0.1:9');
    const readme = readFileSync(join(__dirname, '../README.md'), 'utf8');
    const program = readFileSync(join(__dirname, 'readme-example.ts'), 'utf8');
    expect(readme).toContain(`\`\`\`ts\n${program}\`\`\``);
  });
});
