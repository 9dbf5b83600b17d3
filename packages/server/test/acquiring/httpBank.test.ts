/** What a bank may answer over HTTP, and what is no answer: that says nothing about what happened. */
import assert from 'node:assert/strict';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import type { Question } from '../../src/acquiring/connector.ts';
import { BankUnreachableError, createHttpBank } from '../../src/acquiring/httpBank.ts';
import type { TransactionId } from '../../src/core/values/ids.ts';

const PAYMENT = '01890000-0000-7000-8000-000000000001' as TransactionId;
const OPERATION = '01890000-0000-7000-8000-000000000002';

let server: Server;
/** What is sent once a question has come; a body alone is sent as an answer. */
let answer: object | ((socket: Socket) => void);
before(async () => {
  server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => (typeof answer === 'function' ? answer(socket) : socket.end(answerOf(answer))));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
after(() => server.close());

function answerOf(body: object): string {
  const text = JSON.stringify(body);
  return `HTTP/1.1 200 OK\r\nContent-Length: ${Buffer.byteLength(text)}\r\nConnection: close\r\n\r\n${text}`;
}

function bank(timeoutMs = 5_000) {
  const { port } = server.address() as AddressInfo;
  return createHttpBank({ baseUrl: () => `http://127.0.0.1:${port}`, secret: 's', timeoutMs });
}

function operationOf(kind: Question['kind']): Question {
  return {
    ...{ id: kind === 'authorize' ? PAYMENT : OPERATION, paymentId: PAYMENT },
    ...{ merchantId: 'm', kind, amount: 1_000n, currency: 'KZT', final: true, credentials: null },
  };
}

const ABOUT = { id: PAYMENT, amount: 1_000 };
const authorize = () =>
  bank().authorize({
    ...{ operation: operationOf('authorize'), card: { token: 't', cvc: null }, merchantName: 'M' },
    ...{ returnUrl: null, payerIp: null, browser: null, orderReference: 'O', description: null },
    ...{ notificationUrl: null, onFile: null },
  });
const QUESTIONS = {
  authorize: [authorize, { ...ABOUT, status: 'approved' }],
  complete: [() => bank().complete(operationOf('complete')), { ...ABOUT, status: 'approved' }],
  inquire: [() => bank().inquire(operationOf('complete')), { ...ABOUT, status: 'approved' }],
  capture: [() => bank().capture(operationOf('capture')), { operationId: OPERATION, status: 'done' }],
  reverse: [() => bank().reverse(operationOf('cancel')), { operationId: OPERATION, status: 'done' }],
  refund: [() => bank().refund(operationOf('refund')), { operationId: OPERATION, status: 'done' }],
} as const;

describe('an answer', () => {
  for (const [name, [ask, right]] of Object.entries(QUESTIONS)) {
    test(`to ${name} names what was asked, or is none`, async () => {
      answer = right;
      assert.equal((await ask())?.status, right.status);
      const wrong =
        'id' in right
          ? [{ id: OPERATION }, { id: undefined }, { amount: 999 }, { amount: '1000' }, { amount: undefined }]
          : [{ operationId: PAYMENT }, { operationId: undefined }];
      for (const patch of wrong) {
        answer = { ...right, ...patch };
        await assert.rejects(ask, BankUnreachableError, JSON.stringify(patch));
      }
    });
  }

  test('that declines need not name the amount, but no other one', async () => {
    answer = { id: PAYMENT, status: 'declined', declineCode: 'reversed' };
    assert.equal((await authorize()).status, 'declined');
    answer = { id: PAYMENT, status: 'declined', amount: 1 };
    await assert.rejects(authorize, BankUnreachableError);
  });

  test('keeps texts of one short line only: what was decided counts all the same', async () => {
    for (const odd of ['a\0b', 'x'.repeat(15_000), '', 'a\nb', '\u202e', '\ud800', 'ё']) {
      answer = { ...ABOUT, status: 'declined', rrn: odd, declineCode: odd, cardToken: odd };
      const { status, retrievalReferenceNumber, declineCode, bankToken } = await authorize();
      assert.deepEqual(
        [status, retrievalReferenceNumber, declineCode, bankToken],
        ['declined', null, null, null],
      );
    }
    answer = { ...ABOUT, status: 'approved', rrn: 'x'.repeat(255), cardToken: 'tok 1' };
    const { retrievalReferenceNumber, bankToken } = await authorize();
    assert.deepEqual([retrievalReferenceNumber, bankToken], ['x'.repeat(255), 'tok 1']);
  });

  test('sends payers to web addresses only', async () => {
    for (const acsUrl of [
      'javascript:alert(1)',
      'data:text/html,x',
      'http://',
      `http://a/${'x'.repeat(3_000)}`,
    ]) {
      answer = { ...ABOUT, status: 'challenge', acsUrl };
      await assert.rejects(authorize, BankUnreachableError, acsUrl);
    }
  });

  test('is what comes after interim ones (1xx)', async () => {
    answer = (socket) => {
      socket.write('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n');
      setTimeout(() => socket.end(answerOf({ ...ABOUT, status: 'approved' })), 50);
    };
    assert.equal((await authorize()).status, 'approved');
  });

  test('that changes the protocol is none, and nobody waits for another', async () => {
    answer = (socket) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n');
    };
    await assert.rejects(authorize, ({ cause }: Error) => {
      assert.equal((cause as { code?: string }).code, 'INTERIM_ANSWERS');
      return true;
    });
  });

  test('of interim ones without end is none', async () => {
    answer = (socket) => {
      const timer = setInterval(() => socket.write('HTTP/1.1 103 Early Hints\r\n\r\n'), 5);
      socket.on('close', () => clearInterval(timer));
    };
    await assert.rejects(authorize, ({ cause }: Error) => {
      assert.equal((cause as { code?: string }).code, 'INTERIM_ANSWERS');
      return true;
    });
  });

  test('is read until its time is over, and a redirect is not followed', async () => {
    answer = (socket) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n');
    };
    await assert.rejects(() => bank(300).complete(operationOf('complete')), BankUnreachableError);
    answer = (socket) => {
      socket.end('HTTP/1.1 307 Elsewhere\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n');
    };
    await assert.rejects(authorize, /answered 307/);
  });
});
