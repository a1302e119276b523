// The console's look at the server: its checks, its figures, and for admins the audit trail.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { accessibilityFaults, launch, missing, picture } from './support/browser.mjs';
import { live } from './support/console.mjs';
import { startPostgres, missing as noPostgres } from './support/postgres.mjs';
import { full } from './support/process.mjs';
import { hmrs, startServer } from './support/server.mjs';

const options = { skip: missing ?? noPostgres };
let postgres, server, browser, token;
before(async () => {
  if (options.skip) return;
  [postgres, browser] = await Promise.all([startPostgres(), launch()]);
  assert.equal(hmrs('migrate', '--database-url', postgres.url).code, 0);
  token = hmrs('token', 'create', '--role', 'admin', '--name', 'Amira', '--database-url', postgres.url).stdout.trim();
  server = await startServer({ databaseUrl: postgres.url });
});
after(async () => {
  await browser?.close();
  await server?.end('SIGKILL');
  server?.remove();
  postgres?.remove();
});

test('an admin sees how the server is, and (at full length) that its database is away', options, async (t) => {
  const page = await live(t, browser, server, `/?test#token=${token}`);
  await page.getByRole('tab', { name: 'Server', exact: true }).click();
  const panel = page.getByRole('tabpanel');
  await panel.getByText('The server is well.').waitFor();
  await panel.getByText('1 WebSocket, 0 polling').waitFor();
  // What was counted between two looks, and not since the server began.
  await panel.getByText(/^\d.* kB\/s$/).first().waitFor();
  await panel.getByText('login', { exact: false }).first().waitFor();
  await panel.getByText('Amira, admin').first().waitFor();
  await picture(page, 'console-server');
  assert.deepEqual(await accessibilityFaults(page), []);
  if (!full) return;
  postgres.stop();
  await panel.getByText('The swarm flies, but its records do not reach the database.').waitFor();
  await panel.getByText(/^away, /).waitFor();
  postgres.start();
  await panel.getByText('The server is well.').waitFor();
});
