/** One payment or refund: what happened to it, what it comes to, and what can be done about it. */
import { Button } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link, useParams } from '@tanstack/react-router';
import { type ReactNode, useState } from 'react';
import { type Operation, type Transaction, type TransactionEvent, transactions, webhooks } from '../api.ts';
import { useNow } from '../clock.ts';
import { CustomerLink } from '../customerLink.tsx';
import { Deliveries } from '../deliveries.tsx';
import { formatAmount, formatRelative } from '../format.ts';
import { type Key, useWords } from '../i18n/index.tsx';
import { Table } from '../list.tsx';
import { OperationDialog, possibleOperations } from '../operations.tsx';
import { adviceOf, eventText, reasonText } from '../reasons.ts';
import { useMay } from '../session.tsx';
import { useShortcuts } from '../shortcuts.tsx';
import { StatusBadge } from '../status.tsx';
import { Method } from '../transactionColumns.tsx';
import { TransactionTable } from '../transactionTable.tsx';
import { Amount, CopyButton, Facts, Id, Loaded, Panel, Time, useTitle } from '../ui.tsx';

const PENDING_LOOK_MS = 5_000;

export default function TransactionPage(): ReactNode {
  const { id = '' } = useParams({ strict: false });
  const query = useQuery({
    queryKey: ['transaction', id],
    queryFn: () => transactions.get(id),
    // How often the bank was asked is no event.
    refetchInterval: ({ state }) => (state.data?.pendingOperation == null ? false : PENDING_LOOK_MS),
  });
  return (
    <Loaded query={query} shape="details">
      {(transaction) => <Whole transaction={transaction} />}
    </Loaded>
  );
}

function Whole({ transaction }: { readonly transaction: Transaction }): ReactNode {
  const { t } = useWords();
  const isPayment = transaction.type === 'payment';
  useTitle(t('payment.title', { type: t(`type.${transaction.type}`), order: transaction.orderReference }));
  return (
    <>
      <Head transaction={transaction} />
      <div className="two-columns">
        <div className="column">
          <Panel title={t('payment.timeline')}>
            <Timeline transaction={transaction} />
          </Panel>
          {isPayment && <Refunds transaction={transaction} />}
          <Postings transaction={transaction} />
          <Webhooks transaction={transaction} />
          <Raw transaction={transaction} />
        </div>
        <div className="column">
          <Panel title={t('payment.amounts')}>
            <Amounts transaction={transaction} />
          </Panel>
          <Panel title={t('payment.details')}>
            <Details transaction={transaction} />
          </Panel>
        </div>
      </div>
    </>
  );
}

const KEYS: Readonly<Record<Operation, string>> = { capture: 'C', cancel: 'X', refund: 'R' };

function Head({ transaction }: { readonly transaction: Transaction }): ReactNode {
  const { t } = useWords();
  const mayOperate = useMay('manager');
  const [open, setOpen] = useState<Operation | null>(null);
  const possible = mayOperate ? possibleOperations(transaction) : [];
  const isPending = transaction.pendingOperation !== null;
  const shortcut = (operation: Operation): (() => void) | undefined =>
    possible.includes(operation) && !isPending ? () => setOpen(operation) : undefined;
  useShortcuts({ KeyC: shortcut('capture'), KeyX: shortcut('cancel'), KeyR: shortcut('refund') });
  return (
    <header className="payment-head">
      <div>
        <p className="payment-kind">
          {t(`type.${transaction.type}`)} <span className="payment-order">{transaction.orderReference}</span>
          <CopyButton text={transaction.orderReference} />
        </p>
        <h1 className="payment-amount">
          <Amount amount={transaction.amount} currency={transaction.currency} />
          <StatusBadge status={transaction.status} pending={transaction.pendingOperation} />
        </h1>
        {transaction.failureCode !== null && (
          <WhyNot transaction={transaction} code={transaction.failureCode} />
        )}
        {transaction.status === '3d' && transaction.redirectUrl !== null && (
          <p className="payer-page">
            <a href={transaction.redirectUrl} target="_blank" rel="noreferrer">
              {t('payment.payerPage')}
            </a>
            <CopyButton text={transaction.redirectUrl} label={t('payment.copyPayerPage')} />
          </p>
        )}
      </div>
      <div className="page-actions">
        {possible.map((operation, i) => (
          <Button
            key={operation}
            variant={i === 0 && operation === 'capture' ? 'filled' : 'default'}
            size="xs"
            disabled={isPending}
            aria-describedby={isPending ? 'pending-reason' : undefined}
            onClick={() => setOpen(operation)}
            rightSection={<kbd className="wide-only">{KEYS[operation]}</kbd>}
          >
            {t(`payment.${operation}`)}
          </Button>
        ))}
        {isPending && possible.length > 0 && (
          <p className="dim" id="pending-reason">
            {t('pending.reason')}
          </p>
        )}
      </div>
      {open !== null && (
        <OperationDialog transaction={transaction} operation={open} close={() => setOpen(null)} />
      )}
    </header>
  );
}

/** Of a payment also what can be done about it. */
function WhyNot({
  transaction,
  code,
}: {
  readonly transaction: Transaction;
  readonly code: string;
}): ReactNode {
  const { t } = useWords();
  const advice = transaction.type === 'payment' ? adviceOf(code, t) : null;
  return (
    <p className="payment-failure">
      <strong title={code}>{reasonText(code, t)}</strong>
      {advice !== null && <span className="advice">{advice}</span>}
    </p>
  );
}

function useHistory(id: string) {
  return useQuery({
    queryKey: ['transaction', id, 'history'],
    queryFn: () => transactions.history(id),
  });
}

function Timeline({ transaction }: { readonly transaction: Transaction }): ReactNode {
  const history = useHistory(transaction.id);
  return (
    <Loaded query={history}>
      {({ items }) => (
        <ol className="timeline">
          <PendingOperation transaction={transaction} />
          {[...items].reverse().map((event) => (
            <TimelineEvent
              key={event.seq}
              event={event}
              currency={transaction.currency}
              balance={transaction.type === 'refund' ? balanceOfRefund(event, items) : event.balance}
            />
          ))}
        </ol>
      )}
    </Loaded>
  );
}

/** What the bank has not answered yet: above all that has happened. */
function PendingOperation({ transaction }: { readonly transaction: Transaction }): ReactNode {
  const { t, language } = useWords();
  const now = useNow(1_000);
  const { pendingOperation: pending, currency, status } = transaction;
  if (pending === null) return null;
  return (
    <li className={`timeline-event timeline-${status.replace('transaction.', '')}`}>
      <div className="timeline-line">
        <strong>
          {t(`pending.${pending.kind}.text`, { amount: formatAmount(pending.amount, currency, language) })}
        </strong>
      </div>
      <p className="timeline-note">
        <Time at={pending.requestedAt} show="full" /> ({formatRelative(pending.requestedAt, now, language)}) ·{' '}
        {t('pending.asked', { count: pending.attempts })}
      </p>
    </li>
  );
}

/**
 * What a refund takes is set aside when it is recorded, before the bank has answered. Once it is refunded, that is
 * the event that people look for the balance at.
 */
function balanceOfRefund(
  event: TransactionEvent,
  history: readonly TransactionEvent[],
): number | bigint | null {
  const recorded = history.find(({ name }) => name === 'transaction.created');
  const isOver = history.some(({ status }) => status !== recorded?.status);
  if (event === recorded && isOver) return null;
  return event.name === 'transaction.refunded' ? (event.balance ?? recorded?.balance ?? null) : event.balance;
}

/** Whether what was left of a hold was released, after a part of it had been captured. */
function endsHold({ name, reason }: TransactionEvent): boolean {
  return name === 'transaction.charged' && reason !== null;
}

function TimelineEvent({
  event,
  currency,
  balance,
}: {
  readonly event: TransactionEvent;
  readonly currency: string;
  readonly balance: number | bigint | null;
}): ReactNode {
  const { t, language } = useWords();
  return (
    <li className={`timeline-event timeline-${event.status.replace('transaction.', '')}`}>
      <div className="timeline-line">
        <strong title={event.name}>
          {endsHold(event) ? t('event.rest_released') : eventText(event.name, t)}
        </strong>
        {event.amount > 0 && <Amount amount={event.amount} currency={currency} />}
      </div>
      <p className="timeline-note">
        <Time at={event.at} show="full" /> · {event.user?.name ?? t(`actor.${event.actor}`)}
        {event.reason !== null && (
          <>
            {' · '}
            <span title={event.reason}>{reasonText(event.reason, t)}</span>
          </>
        )}
        {balance !== null && (
          <>
            {' · '}
            {t('payment.balanceAfter', { amount: formatAmount(balance, currency, language) })}
          </>
        )}
      </p>
    </li>
  );
}

/** A payment's refunds, newest first. */
function Refunds({ transaction }: { readonly transaction: Transaction }): ReactNode {
  const { t } = useWords();
  const hasAny =
    transaction.refundedAmount > 0 || transaction.reservedAmount > 0 || transaction.capturedAmount > 0;
  const list = useQuery({
    queryKey: ['transactions', 'refunds', transaction.id],
    queryFn: () => transactions.list({ parentTransactionId: transaction.id, limit: 100 }),
    enabled: hasAny,
  });
  if (!hasAny) return null;
  return (
    <Panel title={t('payment.refunds')}>
      <Loaded query={list} shape="table" lines={2}>
        {({ items }) =>
          items.length === 0 ? (
            <p className="panel-note">{t('payment.noRefunds')}</p>
          ) : (
            <TransactionTable
              rows={items}
              columns={['amount', 'status', 'reason', 'created']}
              label={t('payment.refunds')}
            />
          )
        }
      </Loaded>
    </Panel>
  );
}

/** What it moved in the ledger. Each posting takes from one account what it gives to another. */
function Postings({ transaction }: { readonly transaction: Transaction }): ReactNode {
  const { t } = useWords();
  const list = useQuery({
    queryKey: ['transaction', transaction.id, 'postings'],
    queryFn: () => transactions.postings(transaction.id),
  });
  if (list.data?.items.length === 0) return null;
  return (
    <Panel title={t('payment.postings')}>
      <Loaded query={list} shape="table" lines={2}>
        {({ items }) => (
          <Table
            label={t('payment.postings')}
            rows={items}
            keyOf={({ seq }) => String(seq)}
            columns={[
              { title: t('column.type'), cell: ({ code }) => t(`entry.${code}`) },
              { title: t('posting.from'), cell: ({ from }) => t(`account.${from}`) },
              { title: t('posting.to'), cell: ({ to }) => t(`account.${to}`) },
              {
                title: t('column.amount'),
                cell: ({ amount, currency }) => <Amount amount={amount} currency={currency} />,
                isNumber: true,
              },
              { title: t('posting.at'), cell: ({ at }) => <Time at={at} /> },
            ]}
          />
        )}
      </Loaded>
    </Panel>
  );
}

/** What each endpoint was told of this transaction. */
function Webhooks({ transaction }: { readonly transaction: Transaction }): ReactNode {
  const { t } = useWords();
  const isByLink = transaction.paymentLinkId !== null || transaction.paymentSessionId !== null;
  const endpoints = useQuery({
    queryKey: ['endpoints', 'first', isByLink],
    queryFn: async () => {
      const query = { limit: 100 };
      const lists = await Promise.all([
        webhooks.list(query),
        ...(isByLink ? [webhooks.callbacks(query)] : []),
      ]);
      return { items: lists.flatMap(({ items }) => items) };
    },
  });
  if (endpoints.data?.items.length === 0) return null;
  return (
    <Panel title={t('webhook.title')}>
      <Loaded query={endpoints} lines={2}>
        {({ items }) =>
          items.map(({ id, url }) => (
            <div key={id} className="endpoint">
              <p className="endpoint-url">{url}</p>
              <Deliveries
                endpointId={id}
                transactionId={transaction.id}
                label={`${t('webhook.deliveries')}: ${url}`}
              />
            </div>
          ))
        }
      </Loaded>
    </Panel>
  );
}

function Raw({ transaction }: { readonly transaction: Transaction }): ReactNode {
  const { t } = useWords();
  const text = JSON.stringify(
    transaction,
    (_key, value) => (typeof value === 'bigint' ? Number(value) : value),
    2,
  );
  return (
    <Panel title={t('payment.raw')} actions={<CopyButton text={text} />}>
      <details className="raw">
        <summary>{`GET /v1/transactions/${transaction.id}`}</summary>
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard */}
        <pre tabIndex={0}>{text}</pre>
      </details>
    </Panel>
  );
}

function Amounts({ transaction: row }: { readonly transaction: Transaction }): ReactNode {
  const { t } = useWords();
  const amount = (value: number): ReactNode => <Amount amount={value} currency={row.currency} />;
  const wasAuthorized = row.authedAt !== null;
  const held = row.status === 'authorized' ? row.amount - row.capturedAmount - row.releasedAmount : 0;
  const refundable =
    row.type === 'payment' ? row.capturedAmount - row.refundedAmount - row.reservedAmount : 0;
  const parts: readonly (readonly [string, number, boolean])[] = [
    [t(wasAuthorized ? 'payment.authorized' : 'column.amount'), row.amount, row.type === 'payment'],
    [t('payment.held'), held, held > 0],
    [t('payment.captured'), row.capturedAmount, row.type === 'payment' && wasAuthorized],
    [t('payment.released'), row.releasedAmount, row.releasedAmount > 0],
    [t('payment.refunded'), row.refundedAmount, row.type === 'refund' || row.refundedAmount > 0],
    [t('payment.reserved'), row.reservedAmount, row.reservedAmount > 0],
    [t('payment.refundable'), refundable, refundable > 0],
  ];
  const facts = parts
    .filter(([, , isShown]) => isShown)
    .map(([name, value]) => [name, amount(value)] as const);
  return (
    <div className="amounts">
      <Facts items={facts} />
      {row.balance !== null && (
        <Facts
          items={[
            [t('payment.balance'), <Amount key="balance" amount={row.balance} currency={row.currency} />],
          ]}
        />
      )}
    </div>
  );
}

function Details({ transaction: row }: { readonly transaction: Transaction }): ReactNode {
  const { t } = useWords();
  const id = (value: string | null | undefined): ReactNode =>
    value == null ? null : <Id id={value} short />;
  const time = (at: string | null): ReactNode => (at === null ? null : <Time at={at} show="full" />);
  const items: readonly (readonly [string, ReactNode])[] = [
    [t('payment.id'), id(row.id)],
    [t('payment.walletId'), id(row.walletTransactionId)],
    [
      t(row.type === 'refund' ? 'payment.parent' : 'payment.first'),
      row.parentTransactionId === null ? null : <ParentLink key="parent" id={row.parentTransactionId} />,
    ],
    [t('payment.method'), <Method key="method" row={row} />],
    [
      t('payment.secure3d'),
      row.paymentMethod === 'card' && row.type === 'payment' ? <Secure3d key="secure3d" row={row} /> : null,
    ],
    [
      t('payment.link'),
      row.paymentLinkId === null ? null : <PaymentLinkLink key="link" id={row.paymentLinkId.Value} />,
    ],
    [t('payment.session'), id(row.paymentSessionId?.Value)],
    [t('payment.description'), row.description],
    [t('payment.captureMode'), row.type === 'payment' ? t(`payment.captureMode.${row.captureMode}`) : null],
    [t('payment.created'), time(row.createdAt)],
    [t('payment.authed'), time(row.authedAt)],
    [t('payment.processed'), time(row.processedAt)],
    [
      t('payment.expires'),
      row.status === 'authorized' && row.expiresAt !== null ? (
        <Expiry key="expires" at={row.expiresAt} />
      ) : null,
    ],
    [t('payment.store'), id(row.storeId)],
    [t('payment.terminal'), id(row.terminalId)],
    [
      t('payment.customer'),
      row.customerId === null ? null : <CustomerLink key="customer" id={row.customerId.Value} />,
    ],
    [t('payment.cardToken'), id(row.cardTokenId?.Value)],
    [t('payment.rrn'), id(row.retrievalReferenceNumber)],
    [t('payment.payerIp'), row.payerIp],
    [t('payment.recurring'), row.recurringType],
    [t('payment.retryAfter'), time(row.retryAfter)],
  ];
  return <Facts items={items.filter(([, value]) => value !== null)} />;
}

/** How 3-D Secure went. That a payer was sent there at all, only the history tells afterwards. */
function Secure3d({ row }: { readonly row: Transaction }): ReactNode {
  const { t } = useWords();
  const { data } = useHistory(row.id);
  if (data === undefined) return <span className="dim">–</span>;
  return t(secure3dKey(row, data.items));
}

function secure3dKey(
  { status, secure3d, failureCode }: Transaction,
  history: readonly TransactionEvent[],
): Key {
  if (status === '3d') return 'payment.secure3d.waiting';
  if (secure3d) return 'payment.secure3d.yes';
  if (!history.some(({ name }) => name === 'transaction.3d')) return 'payment.secure3d.no';
  if (failureCode === 'authentication_failed') return 'payment.secure3d.failed';
  // The bank has declined what the payer had agreed to.
  if (status === 'rejected' && failureCode !== 'authentication_expired') return 'payment.secure3d.yes';
  return 'payment.secure3d.unfinished';
}

function ParentLink({ id }: { readonly id: string }): ReactNode {
  const { t } = useWords();
  return (
    <Link to="/transactions/$id" params={{ id }}>
      {t('payment.openParent')}
    </Link>
  );
}

function PaymentLinkLink({ id }: { readonly id: string }): ReactNode {
  const { t } = useWords();
  return (
    <Link to="/payment-links/$id" params={{ id }}>
      {t('payment.openLink')}
    </Link>
  );
}

function Expiry({ at }: { readonly at: string }): ReactNode {
  const { language } = useWords();
  const now = useNow(30_000);
  return (
    <>
      <Time at={at} show="full" /> <span className="dim">({formatRelative(at, now, language)})</span>
    </>
  );
}
