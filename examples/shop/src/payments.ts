/**
 * What the shop asks of Plexy Pay. The order's money is held when it is paid, and captured when it is shipped.
 *
 * A webhook, or a buyer who comes back, is only a reason to look: what became of the payment is asked for. So it is no
 * matter in which order they come, how often, or whether one is late.
 */
import { NotFoundError, type PlexyPay, type Transaction, UnprocessableError } from '@plexy-pay/sdk';
import type { WebhookEvent } from '@plexy-pay/sdk/webhooks';
import { CURRENCY } from './catalog.ts';
import type { Order, OrderStatus, Orders } from './orders.ts';

const EVENTS = [
  'transaction.authorized',
  'transaction.charged',
  'transaction.cancelled',
  'transaction.refunded',
] as const;

export class Payments {
  readonly #plexy: PlexyPay;
  readonly #orders: Orders;
  /** Of the shop, as its buyers and Plexy Pay reach it. */
  readonly #url: string;

  constructor(plexy: PlexyPay, orders: Orders, url: string) {
    this.#plexy = plexy;
    this.#orders = orders;
    this.#url = url;
  }

  /** Where webhooks come to. @returns the secret that they are signed with */
  async listen(): Promise<string> {
    const [id, secret] = [this.#orders.setting('endpoint'), this.#orders.setting('secret')];
    if (id !== null && secret !== null && (await this.#isThere(id))) return secret;
    const endpoint = await this.#plexy.webhookEndpoints.create({
      url: `${this.#url}/webhooks`,
      description: 'The example shop',
      events: [...EVENTS],
    });
    // It is shown once: where our request was repeated, the first answer had it.
    const shown = endpoint.secret ?? (await this.#plexy.webhookEndpoints.rotateSecret(endpoint.id)).secret;
    if (shown === null) throw new Error('the secret of the webhooks was not shown');
    this.#orders.setSetting('endpoint', endpoint.id);
    this.#orders.setSetting('secret', shown);
    return shown;
  }

  async #isThere(id: string): Promise<boolean> {
    try {
      return (await this.#plexy.webhookEndpoints.get(id)).url === `${this.#url}/webhooks`;
    } catch (error) {
      if (error instanceof NotFoundError) return false;
      throw error;
    }
  }

  /**
   * Where the buyer pays: the checkout that was begun for this order, as long as it can be paid; else another one, which has
   * its key from the one before. So an order never has two that can be paid, however often it is asked for at once.
   * @returns null once it is paid
   */
  async checkout(order: Order): Promise<string | null> {
    if (order.sessionId !== null) {
      const session = await this.#plexy.paymentSessions.get(order.sessionId);
      if (session.status === 'active') return session.url;
      if (session.status === 'paid') return null;
    }
    const page = `${this.#url}/orders/${order.id}`;
    const session = await this.#plexy.paymentSessions.create(
      {
        amount: order.amount,
        currency: CURRENCY,
        description: order.title,
        orderReference: order.id,
        autoClearing: false,
        metadata: { successUrl: page, failureUrl: page, cancelUrl: page },
      },
      { idempotencyKey: `checkout-${order.id}-${order.sessionId ?? 'first'}` },
    );
    this.#orders.setSession(order.id, session.id);
    return session.url;
  }

  /** An event of any payment, or a test. */
  async heard(event: WebhookEvent): Promise<void> {
    if (event.name === 'webhook.test') return;
    const session = (event.data as Transaction).paymentSessionId?.Value;
    const order = session === undefined ? null : this.#orders.ofSession(session);
    if (order !== null) await this.look(order);
  }

  /** The order as its payment has it now. */
  async look(order: Order): Promise<Order> {
    const paymentId = order.paymentId ?? (await this.#paymentOf(order));
    if (paymentId !== null) this.#keep(order, await this.#plexy.transactions.get(paymentId));
    return this.#orders.require(order.id);
  }

  /** Of an order that nothing was heard of yet. */
  async #paymentOf({ sessionId }: Order): Promise<string | null> {
    return sessionId === null ? null : (await this.#plexy.paymentSessions.get(sessionId)).transactionId;
  }

  ship(order: Order): Promise<Order> {
    return this.#move(order, 'capture');
  }

  cancel(order: Order): Promise<Order> {
    return this.#move(order, 'cancel');
  }

  refund(order: Order): Promise<Order> {
    return this.#move(order, 'refund');
  }

  /** All of it, once, however often it is asked for. What was refused may be asked for again, as another request. */
  async #move(order: Order, operation: 'capture' | 'cancel' | 'refund'): Promise<Order> {
    if (order.paymentId === null) throw new Error('this order is not paid');
    const idempotencyKey = `${operation}-${order.id}-${order.refusals}`;
    try {
      await this.#plexy.transactions[operation](order.paymentId, {}, { idempotencyKey });
    } catch (error) {
      if (error instanceof UnprocessableError) this.#orders.countRefusal(order.id);
      throw error;
    }
    return this.look(order);
  }

  #keep(order: Order, payment: Transaction): void {
    const status = statusOf(payment);
    if (status !== null) this.#orders.setPayment(order.id, payment.id, status);
  }
}

/** Null: nothing is decided yet, or the attempt failed and the checkout takes another one. */
function statusOf({ status }: Transaction): OrderStatus | null {
  switch (status) {
    case 'authorized':
      return 'paid';
    case 'charged':
      return 'shipped';
    case 'refunded':
      return 'refunded';
    case 'cancelled':
      return 'cancelled';
    default:
      return null;
  }
}
