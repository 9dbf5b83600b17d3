/** kill -9 of the server under a payer who has just clicked: the page goes on by itself, and the payer pays once. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { startTestBank, type TestBank } from '../../server/test/support/bank.ts';
import { startBrowser, withoutBrowser } from '../../server/test/support/browser.ts';
import { endLeases, eventually } from '../../server/test/support/cards.ts';
import { type Nodes, startNodes } from '../../server/test/support/nodes.ts';
import type { ServerProcess } from '../../server/test/support/process.ts';
import { startTcpProxy, type TcpProxy } from '../../server/test/support/proxy.ts';
import { allSettled, reconcile } from '../../server/test/support/reconcile.ts';

const VISA = '4242424242424242';
/** The bank answers so late that the kill comes first, on a busy machine, too. */
const BANK_DELAY_MS = 3_000;
const HEADING_LIMIT_MS = 40_000;

describe('the server is killed while a payer pays', { skip: withoutBrowser }, () => {
  let bank: TestBank;
  let nodes: Nodes;
  let server: ServerProcess;
  let door: TcpProxy;
  let browser: Browser;
  before(async () => {
    bank = await startTestBank();
    nodes = await startNodes(1, bank.environment);
    server = nodes.processes[0] ?? assert.fail();
    // As a load balancer: the payer's address stays, whichever process is behind it.
    door = await startTcpProxy(Number(new URL(server.url).port));
    browser = await startBrowser();
  });
  after(async () => {
    await browser?.close();
    await door?.stop();
    await nodes?.stop();
    await bank?.end();
  });

  async function open(): Promise<{ id: string; page: Page }> {
    const reply = await nodes.call('POST', '/v1/payment-links', {
      body: { amount: 1_549_000, currency: 'KZT', orderReference: 'KZ-20411', paymentMethods: ['card'] },
    });
    assert.equal(reply.status, 201, reply.text);
    const page = await browser.newPage({ viewport: { width: 390, height: 844 }, locale: 'en-GB' });
    page.setDefaultTimeout(HEADING_LIMIT_MS);
    await page.goto(`http://127.0.0.1:${door.port}/checkout/${reply.body.id}`);
    await page.getByLabel('Card number').pressSequentially(VISA);
    await page.getByLabel('Expiry date').pressSequentially('1235');
    await page.getByLabel('Security code').pressSequentially('123');
    await page.getByLabel('Name on the card').fill('Aigerim Sadykova');
    return { id: reply.body.id, page };
  }
  /** Once the first question was given up waiting for: what was only recorded takes the card's number with the process. */
  const asked = (): Promise<unknown> =>
    eventually('the bank is asked', async () => {
      const { rows } = await nodes.pool.query(
        "SELECT FROM bank_operation WHERE status = 'pending' AND attempts > 0",
      );
      return rows.length > 0;
    });
  async function restart(): Promise<void> {
    await server.restart();
    await endLeases(nodes.pool);
    door.target(Number(new URL(server.url).port));
  }
  async function assertPaidOnce(id: string): Promise<void> {
    await allSettled(nodes.pool);
    const link = (await nodes.call('GET', `/v1/payment-links/${id}`)).body;
    assert.equal(link.status, 'paid');
    const { rows } = await nodes.pool.query('SELECT id, status FROM transaction WHERE payment_link_id = $1', [
      id,
    ]);
    assert.deepEqual(
      rows.map((row) => row.status),
      ['authorized'],
    );
    await nodes.assertInvariants();
    await reconcile(nodes.pool, bank);
  }

  test('in the middle of the bank’s answer, then started again: paid once, and the page says so', async () => {
    const { id, page } = await open();
    await bank.fault({ mode: 'slow', delayMs: BANK_DELAY_MS, operations: ['authorize'] });
    await page.getByRole('button', { name: /^Pay / }).click();
    await asked();
    await server.signal('SIGKILL');
    await page.getByRole('heading', { name: 'No answer yet', exact: true }).waitFor();
    await bank.healthy();
    await restart();
    await page.getByRole('heading', { name: 'Paid', exact: true }).waitFor();
    await assertPaidOnce(id);
    await page.close();
  });

  test('and the payer reloads once it is back: paid once, and the page finds it', async () => {
    const { id, page } = await open();
    await bank.fault({ mode: 'slow', delayMs: BANK_DELAY_MS, operations: ['authorize'] });
    await page.getByRole('button', { name: /^Pay / }).click();
    await asked();
    await server.signal('SIGKILL');
    await bank.healthy();
    await restart();
    await page.reload();
    await page.getByRole('heading', { name: 'Paid', exact: true }).waitFor();
    await assertPaidOnce(id);
    await page.close();
  });

  test('before the attempt reached it: nothing was taken, and the attempt is made when it is back', async () => {
    const { id, page } = await open();
    await server.signal('SIGKILL');
    await page.getByRole('button', { name: /^Pay / }).click();
    await page.getByRole('heading', { name: 'No answer yet', exact: true }).waitFor();
    const { rows } = await nodes.pool.query('SELECT FROM transaction WHERE payment_link_id = $1', [id]);
    assert.equal(rows.length, 0);
    await restart();
    // The page tries by itself for 12 s; a start on a busy machine may take longer.
    const again = page.getByRole('button', { name: 'Ask again' });
    const paid = page.getByRole('heading', { name: 'Paid', exact: true });
    for (const end = performance.now() + HEADING_LIMIT_MS; !(await paid.isVisible()); ) {
      assert.ok(performance.now() < end, 'it was not paid');
      if (await again.isVisible()) await again.click().catch(() => undefined);
      await page.waitForTimeout(200);
    }
    await assertPaidOnce(id);
    await page.close();
  });
});
