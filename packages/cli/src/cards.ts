import type { CardOnFile, RequestOptions } from '@plexy-pay/sdk';
import type { Command } from 'commander';
import { type Context, requestOptions, type WriteOptions, writing } from './context.ts';
import type { Cell } from './output.ts';

/** As many as the server tells. */
const MOST = 100;

type Change = (customer: string, card: string, options: RequestOptions) => Promise<CardOnFile>;

/** The cards that a merchant's customers have on file. */
export function cardCommands(program: Command, context: Context): void {
  const cards = program.command('cards').description('the cards that customers have on file');
  cards
    .command('list <customer>')
    .description('list a customer’s cards, newest first')
    .action(async (customer: string) => {
      const list = context.merchantClient().cards.list(customer);
      await context.showList(list, MOST, ['ID', 'CARD', 'EXPIRES', 'DEFAULT', 'CHARGED ALONE'], (card) => [
        ...[card.id, nameOf(card), expiryOf(card), card.isDefault ? 'yes' : 'no', standingOf(card)],
      ]);
    });
  changing(cards, context, 'default', 'charge it where no card is named', (...given) =>
    context.merchantClient().cards.makeDefault(...given),
  );
  changing(cards, context, 'withdraw', 'charge it no more without its customer', (...given) =>
    context.merchantClient().cards.withdrawConsent(...given),
  );
  writing(cards.command('delete <customer> <card>').description('delete a card on file')).action(
    async (customer: string, card: string, options: WriteOptions) => {
      const deleted = await context.merchantClient().cards.delete(customer, card, requestOptions(options));
      context.show(deleted, ({ id }) => ({ deleted: id }));
    },
  );
}

function changing(cards: Command, context: Context, name: string, does: string, change: Change): void {
  writing(cards.command(`${name} <customer> <card>`).description(does)).action(
    async (customer: string, card: string, options: WriteOptions) => {
      context.show(await change(customer, card, requestOptions(options)), fieldsOf);
    },
  );
}

function nameOf({ brand, last4 }: CardOnFile): string {
  return `${brand} •••• ${last4}`;
}

function expiryOf({ expiryMonth, expiryYear }: CardOnFile): string {
  return `${String(expiryMonth).padStart(2, '0')}/${expiryYear}`;
}

/** Whether it may be charged without its customer. */
function standingOf({ consent }: CardOnFile): string {
  if (!consent.merchantInitiated) return 'no';
  if (consent.withdrawnAt !== null) return `not since ${consent.withdrawnAt}`;
  return consent.until === null ? 'yes' : `until ${consent.until}`;
}

function fieldsOf(card: CardOnFile): Record<string, Cell> {
  return {
    ...{ id: card.id, customer: card.customerId, card: nameOf(card), expires: expiryOf(card) },
    ...{ default: card.isDefault ? 'yes' : 'no', 'charged alone': standingOf(card) },
    ...{ 'agreed by': card.consent.transactionId, created: card.createdAt },
  };
}
