/** One payment link: what to send, what became of it, and what can be done about it. */
import { Button, Stack } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useParams } from '@tanstack/react-router';
import { type ReactNode, useState } from 'react';
import { type PaymentLink, type PaymentLinkEvent, paymentLinks, transactions } from '../api.ts';
import { CustomerLink } from '../customerLink.tsx';
import { useWords } from '../i18n/index.tsx';
import { CancelLinkDialog, ExtendLinkDialog } from '../linkDialogs.tsx';
import { QrCode } from '../qrCode.tsx';
import { eventText } from '../reasons.ts';
import { useMay } from '../session.tsx';
import { LinkStatusBadge } from '../status.tsx';
import { TransactionTable } from '../transactionTable.tsx';
import { Amount, CopyButton, Facts, Id, Loaded, Panel, Time, useTitle } from '../ui.tsx';

export default function PaymentLinkPage(): ReactNode {
  const { id = '' } = useParams({ strict: false });
  const query = useQuery({ queryKey: ['paymentLinks', id], queryFn: () => paymentLinks.get(id) });
  return (
    <Loaded query={query} shape="details">
      {(link) => <Whole link={link} />}
    </Loaded>
  );
}

interface Props {
  readonly link: PaymentLink;
}

function Whole({ link }: Props): ReactNode {
  const { t } = useWords();
  useTitle(t('link.title', { order: link.orderReference }));
  return (
    <>
      <Head link={link} />
      <div className="two-columns">
        <div className="column">
          <Panel title={t('link.share')}>
            <Share link={link} />
          </Panel>
          <Panel title={t('link.payments')}>
            <Payments id={link.id} />
          </Panel>
          <Panel title={t('link.history')}>
            <History id={link.id} />
          </Panel>
        </div>
        <Panel title={t('payment.details')} className="panel-top">
          <Details link={link} />
        </Panel>
      </div>
    </>
  );
}

function Head({ link }: Props): ReactNode {
  const { t } = useWords();
  const mayChange = useMay('manager');
  const [asked, setAsked] = useState<'extend' | 'cancel' | null>(null);
  const close = (): void => setAsked(null);
  return (
    <header className="payment-head">
      <div>
        <p className="payment-kind">
          {t('payment.link')} <span className="payment-order">{link.orderReference}</span>
          <CopyButton text={link.orderReference} />
        </p>
        <h1 className="payment-amount">
          <Amount amount={link.amount} currency={link.currency} />
          <LinkStatusBadge status={link.status} />
        </h1>
      </div>
      {mayChange && link.status === 'active' && (
        <div className="page-actions">
          <Button size="xs" variant="default" onClick={() => setAsked('extend')}>
            {t('link.extend')}
          </Button>
          <Button size="xs" variant="default" onClick={() => setAsked('cancel')}>
            {t('link.cancel')}
          </Button>
        </div>
      )}
      {asked === 'extend' && <ExtendLinkDialog link={link} close={close} />}
      {asked === 'cancel' && <CancelLinkDialog link={link} close={close} />}
    </header>
  );
}

/** A code that leads nowhere is not to be printed. */
function Share({ link: { id, url, status } }: Props): ReactNode {
  const { t } = useWords();
  return (
    <Stack p="md" gap="sm" align="center">
      <p className="secret">
        <code>{url}</code>
        <CopyButton text={url} label={t('link.copy')} />
      </p>
      {status === 'active' ? (
        <QrCode text={url} label={t('link.qrCode')} name={id} />
      ) : (
        <p className="dim">{t('link.over')}</p>
      )}
    </Stack>
  );
}

/** Attempts that failed, too. */
function Payments({ id }: Pick<PaymentLink, 'id'>): ReactNode {
  const { t } = useWords();
  const list = useQuery({
    queryKey: ['transactions', 'paymentLink', id],
    queryFn: () => transactions.byPaymentLink(id),
  });
  return (
    <Loaded query={list} shape="table" lines={2}>
      {({ items }) =>
        items.length === 0 ? (
          <p className="panel-note">{t('link.noPayments')}</p>
        ) : (
          <TransactionTable
            rows={items}
            columns={['amount', 'status', 'method', 'type', 'reason', 'created']}
            label={t('link.payments')}
          />
        )
      }
    </Loaded>
  );
}

/** Newest first, as on a payment's page. */
function History({ id }: Pick<PaymentLink, 'id'>): ReactNode {
  const history = useQuery({
    queryKey: ['paymentLinks', id, 'history'],
    queryFn: () => paymentLinks.history(id, { limit: 100 }).page(),
  });
  return (
    <Loaded query={history} lines={2}>
      {({ items }) => (
        <ol className="timeline">
          {[...items].reverse().map((event) => (
            <HistoryEvent key={event.seq} event={event} />
          ))}
        </ol>
      )}
    </Loaded>
  );
}

function HistoryEvent({ event: { name, at, actor } }: { readonly event: PaymentLinkEvent }): ReactNode {
  const { t } = useWords();
  return (
    <li className="timeline-event">
      <div className="timeline-line">
        <strong title={name}>{eventText(name, t)}</strong>
      </div>
      <p className="timeline-note">
        <Time at={at} show="full" /> · {t(`actor.${actor}`)}
      </p>
    </li>
  );
}

const PAGES = ['successUrl', 'failureUrl', 'cancelUrl'] as const;
const LANGUAGES = { en: 'English', ru: 'Русский', kk: 'Қазақша' } as const;

function Details({ link }: Props): ReactNode {
  const { t } = useWords();
  const metadata: Readonly<Record<string, unknown>> = link.metadata;
  const items: readonly (readonly [string, ReactNode])[] = [
    [t('link.id'), <Id key="id" id={link.id} short />],
    [t('payment.description'), link.description],
    [t('link.expires'), <Time key="expires" at={link.expiresAt} show="full" />],
    [t('link.methods'), link.paymentMethods.map((method) => t(`method.${method}`)).join(', ')],
    [t('link.capture'), t(link.autoClearing ? 'link.capture.self' : 'link.capture.hand')],
    [t('link.use'), t(link.reusable ? 'link.use.many' : 'link.use.once')],
    [t('link.locale'), link.locale === null ? null : LANGUAGES[link.locale]],
    [
      t('payment.customer'),
      link.customerId === null ? null : <CustomerLink key="customer" id={link.customerId} />,
    ],
    ...PAGES.map((name) => {
      const url = metadata[name];
      return [t(`link.${name}`), typeof url === 'string' ? <code key={name}>{url}</code> : null] as const;
    }),
    [
      t('column.created'),
      <span key="created">
        <Time at={link.createdAt} show="full" /> · {t(`actor.${link.createdBy}`)}
      </span>,
    ],
    [t('column.updated'), <Time key="updated" at={link.updatedAt} show="full" />],
  ];
  return <Facts items={items.filter(([, value]) => value !== null)} />;
}
