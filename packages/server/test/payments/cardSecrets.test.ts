/** No full card number and no cvc is ever logged, stored, counted or answered. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { testCards } from '../../../bank/src/domain/cards.ts';
import { CHALLENGED, cardOf, eventually, operate, pay, VISA } from '../support/cards.ts';
import { stopDatabaseServer } from '../support/database.ts';
import { type Nodes, startNodes } from '../support/nodes.ts';
import { OWN_BANK } from '../support/process.ts';
import { OPERATOR_KEY } from '../support/sandbox.ts';

/** Found nowhere else: three digits alone would be found everywhere. */
const CVC = '7391';
const HOLDER = 'UNMISTAKABLE HOLDER';
const AMEX = '378282246310005';
/** Wrong check digit; unknown brand. */
const BAD_NUMBERS = ['4242424242424241', '9999999999999995'];

let nodes: Nodes;
before(async () => {
  // The server's own bank, which keeps its books in a schema of the same database.
  const impatient = { ACQUIRER_TIMEOUT_MS: '500', ACQUIRER_PATIENCE_MS: '2000' };
  nodes = await startNodes(1, { LOG_LEVEL: 'debug', ...impatient, ...OWN_BANK });
});
after(async () => {
  await nodes?.stop();
  await stopDatabaseServer();
});

/** Every spelling of a number that a search has to look for. */
function spellings(number: string): string[] {
  const groups = number.replace(/(.{4})(?=.)/g, '$1 ');
  return [number, groups, groups.replaceAll(' ', '-'), Buffer.from(number).toString('base64').slice(0, 20)];
}

test('many cards, good and bad, and a bank that fails', { timeout: 60_000 }, async () => {
  const said: string[] = [];
  const hear = (reply: { text: string; headers: Headers }): void => {
    said.push(reply.text, JSON.stringify([...reply.headers]));
  };
  const returnUrl = 'http://shop.test/back';
  const numbers = [...testCards.map(({ number }) => number), ...BAD_NUMBERS];
  const card = (number: string) => ({
    ...cardOf(number),
    holder: HOLDER,
    cvc: number === AMEX ? CVC : '123',
  });
  const replies = await Promise.all(
    numbers.map((number) => pay(nodes.call, number, { card: card(number), returnUrl })),
  );
  for (const reply of replies) hear(reply);
  const authorized = replies.filter(({ body }) => body.status === 'authorized');
  assert.ok(authorized.length >= 5);
  for (const { body } of authorized) hear(await operate(nodes.call, body.id, 'capture'));

  // Cards where they do not belong, and bodies that cannot be read.
  const key = crypto.randomUUID();
  const spaced = VISA.replace(/(.{4})(?=.)/g, '$1 ');
  for (const body of [
    { card: { ...card(AMEX), cvc: `${CVC}${CVC}` } },
    { card: { ...card(VISA), expiryYear: 2001 } },
    { card: { ...card(VISA), number: Number(VISA) } },
    { card: { ...card(VISA), holder: `${HOLDER} ${VISA}` } },
    { card: VISA },
    { card: undefined, cardTokenId: VISA },
    { orderReference: spaced },
    { currency: VISA },
    { returnUrl: `http://${VISA}/` },
    { amount: VISA },
  ]) {
    hear(await pay(nodes.call, VISA, body));
  }
  hear(await pay(nodes.call, VISA, {}, { idempotencyKey: key }));
  hear(await pay(nodes.call, CHALLENGED, {}, { idempotencyKey: key }));
  for (const rawBody of [`{"card":{"number":"${VISA}"`, `{"card":"${VISA}"}}`, `"${VISA}"`, VISA]) {
    hear(await nodes.call('POST', '/v1/payments', { idempotencyKey: crypto.randomUUID(), rawBody }));
  }
  hear(await nodes.call('GET', '/3ds/nonsense', { apiKey: null }));

  // The database goes away under a payment, so that somebody has a reason to log.
  await nodes.pool.query('ALTER TABLE bank_operation RENAME TO bank_operation_gone');
  hear(await pay(nodes.call, VISA, { card: card(VISA) }));
  await nodes.pool.query('ALTER TABLE bank_operation_gone RENAME TO bank_operation');

  await eventually('all is settled', async () => {
    const { rows } = await nodes.pool.query(`SELECT FROM bank_operation WHERE status = 'pending'`);
    return rows.length === 0;
  });
  hear(await nodes.call('GET', '/metrics', { apiKey: OPERATOR_KEY }));
  const { rows } = await nodes.pool.query(`SELECT database_to_xml(true, false, '')::text AS everything`);
  const places = {
    answers: said.join('\n'),
    log: nodes.processes[0]?.log() ?? '',
    database: rows[0].everything as string,
  };
  assert.match(places.log, /"route":"\/v1\/payments"/);
  assert.match(places.database, /<authorizations>/, 'the schema of the bank is looked through');
  assert.match(places.answers, /plexy|http_request/, 'the metrics are looked through');
  for (const [place, text] of Object.entries(places)) {
    for (const number of numbers.flatMap(spellings)) {
      assert.ok(!text.includes(number), `${place}: …${excerpt(text, number)}…`);
    }
    assert.ok(!text.includes(HOLDER), `${place}: ${excerpt(text, HOLDER)}`);
    assert.doesNotMatch(text, /cvc[^a-z]{1,6}\d{3}/i, place);
    // Four digits may be a part of any hash or time; a cvc stands alone.
    if (place === 'answers') assert.doesNotMatch(text, new RegExp(`\\b${CVC}\\b`), place);
  }
});

function excerpt(text: string, found: string): string {
  const at = text.indexOf(found);
  return text.slice(Math.max(0, at - 80), at + 80);
}
