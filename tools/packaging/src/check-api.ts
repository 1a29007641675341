// The public interface of every package is what its reports (etc/*.api.md) say, so that a change of it is
// seen in review. `--update` writes the reports.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { apiChanges, apiEntries } from './api-report.js';
import { publishablePackages } from './workspace.js';

const update = process.argv.includes('--update');
const temporary = mkdtempSync(join(tmpdir(), 'doug-api-'));
try {
  const entries = apiEntries(publishablePackages());
  const changes = apiChanges(entries, update ? 'update' : 'check', temporary);
  for (const change of changes) console.log(update ? `written: ${change}` : `changed: ${change}`);
  console.log(
    `${entries.length} entries, ${changes.length} reports ${update ? 'written' : 'out of date'}`,
  );
  if (!update && changes.length > 0) {
    console.log('if the change is meant: npm run api, and commit the reports');
    process.exitCode = 1;
  }
} finally {
  rmSync(temporary, { recursive: true, force: true });
}
