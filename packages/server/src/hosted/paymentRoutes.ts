/** Capture, cancel and refund, in major units. */
import Type from 'typebox';
import type { Deps } from '../app/deps.ts';
import type { Minor, Transaction } from '../core/transaction.ts';
import { parseOrderReference } from '../core/values/orderReference.ts';
import { type Parsed, parsed } from '../core/values/parse.ts';
import { parseText } from '../core/values/text.ts';
import { listEvents } from '../feed/eventsSql.ts';
import type { App } from '../http/baseApp.ts';
import { exactJson } from '../http/exactJson.ts';
import { valuesOf } from '../http/parseFields.ts';
import { closed } from '../http/schemas.ts';
import { merchantOf } from '../identity/auth.ts';
import { OPERATIONS, type Operation, operate } from '../payments/operate.ts';
import { transactionAnswer } from '../payments/transactionViews.ts';
import { majorAmountOf } from './bodies.ts';
import { hostedCallerOf, isGiven, sendTranslated, WRITES } from './common.ts';
import { requireTransaction } from './transactionRoutes.ts';
import { majorNumber, remainingOf } from './views.ts';
import { refusalText } from './words.ts';

const Amount = { amount: Type.Optional(Type.Unknown()) };
const Text = Type.Optional(Type.Union([Type.String(), Type.Null()]));
/** Closed, unlike those of links: an `amount` that is misspelt would mean all of it. */
const BODIES = {
  capture: Type.Object(Amount, closed),
  cancel: Type.Object(Amount, closed),
  refund: Type.Object({ ...Amount, orderReference: Text, description: Text }, closed),
} as const;

export function hostedPaymentRoutes(app: App, deps: Deps): void {
  for (const operation of OPERATIONS)
    app.post(
      `/v1/payments/:id/${operation}`,
      {
        config: WRITES,
        schema: { hide: true, params: Type.Object({ id: Type.String() }), body: BODIES[operation] },
      },
      async (request, reply) => {
        // How many digits an amount may have is known with the payment's currency.
        const { merchantId } = merchantOf(request);
        const inTurn = <T>(work: () => Promise<T>): Promise<T> => deps.turns.common.run(merchantId, work);
        const { id, currency } = await inTurn(() => requireTransaction(deps, merchantId, request.params.id));
        const { amount, ...refund } = askedOf(request.body, currency);
        const caller = hostedCallerOf(deps, request, `/v1/payments/${id}/${operation}`);
        const told = await operate(deps, caller, operation, id, { amount, final: true, refund }, null, {
          render: (outcome, balance) => transactionAnswer(200, outcome, balance),
        });
        return sendTranslated(deps, request, reply, told, {
          success: async (body) => {
            const shown: Shown = JSON.parse(body);
            return inTurn(async () => {
              const payment = await requireTransaction(deps, merchantId, id);
              return doneText(operation, shown, amount ?? (await movedBy(deps, operation, shown)), payment);
            });
          },
          error: (body) => refusalText(request.url, operation, JSON.parse(body)),
        });
      },
    );
}

interface SentBody {
  readonly amount?: unknown;
  readonly orderReference?: string | null;
  readonly description?: string | null;
}

/** @throws ApiError 400 naming every field that is wrong */
function askedOf(body: SentBody, currency: string) {
  const { amount, orderReference, description } = valuesOf({
    amount: majorAmountOf(body.amount, currency),
    orderReference: maybe(body.orderReference, parseOrderReference),
    description: maybe(body.description, (text) => parseText(text, { max: 1_000 })),
  });
  return {
    amount,
    ...(orderReference === null ? {} : { orderReference }),
    ...(description === null ? {} : { description }),
  };
}

function maybe<T>(text: string | null | undefined, parse: (text: string) => Parsed<T>): Parsed<T | null> {
  return isGiven(text) ? parse(text) : parsed(null);
}

/** What is used here of a transaction as our own API shows it. */
interface Shown {
  readonly id: string;
  readonly amount: number;
  readonly currency: string;
  readonly orderReference: string;
  readonly parentTransactionId: string | null;
  readonly pendingOperation: { readonly amount: number } | null;
}

/** More than a payment has captures and partial cancels. */
const MOST_EVENTS = 1_000;
const MOVED = { capture: 'captured', cancel: 'released' } as const;

/** All of it was asked for: what that was, whatever was captured or released before, says the event that ended the hold. */
async function movedBy({ pool }: Pick<Deps, 'pool'>, operation: Operation, shown: Shown): Promise<Minor> {
  const { id, amount, pendingOperation } = shown;
  if (operation === 'refund') return BigInt(amount);
  if (pendingOperation !== null) return BigInt(pendingOperation.amount);
  const totals = (await listEvents(pool, id, 0, MOST_EVENTS)).map((event) => event[MOVED[operation]]);
  const last = totals.at(-1) ?? 0n;
  return last - (totals.findLast((total) => total < last) ?? 0n);
}

function doneText(operation: Operation, shown: Shown, moved: Minor, payment: Transaction): string {
  const { id, currency, orderReference, parentTransactionId, pendingOperation } = shown;
  const success = pendingOperation === null;
  return exactJson({
    id,
    amount: majorNumber(moved, currency),
    currency,
    orderReference,
    remainingBalance: majorNumber(remainingOf(payment), currency),
    success,
    message: success ? 'approved' : 'the bank has not answered yet: look the transaction up',
    responseCode: success ? '00' : null,
    authCode: null,
    networkTransactionReference: payment.networkTransactionReference,
    ...(operation === 'refund' ? { originalTransactionId: parentTransactionId } : {}),
  });
}
