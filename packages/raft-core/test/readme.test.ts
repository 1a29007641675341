import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(__dirname, '..');

describe('the example of the README', () => {
  it('replicates a value to three replicas and serves a read', async () => {
    const lines: unknown[] = [];
    const log = jest.spyOn(console, 'log').mockImplementation((line: unknown) => lines.push(line));
    try {
      const { answers } = await import('./readme-example.js');
      expect(answers).toEqual(['42', '42', '42']);
      expect(lines).toContainEqual(expect.stringMatching(/^read 1 is safe from [12]$/));
    } finally {
      log.mockRestore();
    }
  });

  it('is the program that the README shows, in less than 80 lines', () => {
    const example = readFileSync(join(root, 'test/readme-example.ts'), 'utf8');
    const readme = readFileSync(join(root, 'README.md'), 'utf8');
    expect(readme).toContain(`\`\`\`ts\n${example}\`\`\``);
    expect(example.split('\n').length).toBeLessThan(80);
  });
});
