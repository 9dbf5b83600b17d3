import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { pino } from 'pino';
import { readConfig } from '../../src/app/config.ts';
import { startServer } from '../../src/app/server.ts';
import { createOperatorKeyCommand } from '../../src/commands/operatorKey.ts';
import { makeDataDir } from '../support/dataDir.ts';
import { request } from '../support/sandbox.ts';
import '../support/run.ts';

let dataDir: string;
before(async () => {
  dataDir = path.join(await makeDataDir('commands'), 'data');
});
after(() => rm(path.dirname(dataDir), { recursive: true, force: true }));

/** `npm run audit` as a process of its own. */
async function auditProcess(): Promise<{ exitCode: number | null; text: string }> {
  const entry = path.join(import.meta.dirname, '../../src/commands/audit.ts');
  const { DATABASE_URL: _, ...env } = process.env;
  const child = spawn(process.execPath, [entry], { env: { ...env, DATA_DIR: dataDir } });
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
  const exitCode = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { exitCode, text };
}

test('commands on the embedded data: without any, beside a running server, and after it', async () => {
  const nothing = await auditProcess();
  assert.equal(nothing.exitCode, 3);
  assert.match(nothing.text, /^There is no database in DATA_DIR/);

  const server = await startServer(readConfig({ DATA_DIR: dataDir, PORT: '0' }), pino({ level: 'silent' }));
  try {
    const beside = await auditProcess();
    assert.equal(beside.exitCode, 0, beside.text);
    assert.equal(beside.text.match(/^ok/gm)?.length, 7);
    const out: string[] = [];
    const output = { out: (text: string) => void out.push(text), error: () => undefined };
    assert.equal(await createOperatorKeyCommand('beside', { DATA_DIR: dataDir }, output), 0);
    const apiKey = out[0] ?? '';
    assert.match(apiKey, /^op_test_/);
    const expiryOf = async (expires: string | null): Promise<string | undefined> => {
      const lines: string[] = [];
      const said = { out: () => undefined, error: (text: string) => void lines.push(text) };
      await createOperatorKeyCommand('ends', { DATA_DIR: dataDir }, said, expires);
      return /never ends|ends on [\d-]+|must be in the future|be never/.exec(lines.join())?.[0];
    };
    const nextYear = new Date(Date.now() + 365 * 86_400_000).toISOString().slice(0, 10);
    assert.equal(await expiryOf(null), `ends on ${nextYear}`);
    assert.equal(await expiryOf('never'), 'never ends');
    assert.equal(await expiryOf('2099-01-31T00:00:00Z'), 'ends on 2099-01-31');
    assert.equal(await expiryOf('2020-01-31T00:00:00Z'), 'must be in the future');
    assert.equal(await expiryOf('soon'), 'be never');
    assert.equal((await request(server.url, 'GET', '/v1/admin/merchants', { apiKey })).status, 200);
  } finally {
    await server.stop();
  }

  const alone = await auditProcess();
  assert.equal(alone.exitCode, 0, alone.text);
  const again = await startServer(readConfig({ DATA_DIR: dataDir, PORT: '0' }), pino({ level: 'silent' }));
  await again.stop();
});
