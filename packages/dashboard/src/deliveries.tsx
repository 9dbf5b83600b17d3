/** Webhook deliveries: what was sent, what was answered, and sending it again. */
import { Button } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { type ReactNode, useState } from 'react';
import { type WebhookDelivery, webhooks } from './api.ts';
import { formatMilliseconds } from './format.ts';
import { useWords } from './i18n/index.tsx';
import { List, useAction } from './list.tsx';
import { attemptText, eventText } from './reasons.ts';
import { useMay } from './session.tsx';
import { CopyButton, Dialog, Empty, Facts, Failure, Id, Loaded, shortId, Time } from './ui.tsx';

interface Props {
  readonly endpointId: string;
  /** Only those of this transaction. */
  readonly transactionId?: string;
  readonly status?: string | undefined;
  /** Of the table, where there are several on a page. */
  readonly label?: string;
}

const COLOURS: Readonly<Record<WebhookDelivery['status'], string>> = {
  pending: 'grey',
  delivered: 'green',
  failed: 'red',
};

export function Deliveries({ endpointId, transactionId, status, label }: Props): ReactNode {
  const { t } = useWords();
  const [open, setOpen] = useState<string | null>(null);
  return (
    <>
      <List
        label={label ?? t('webhook.deliveries')}
        queryKey={['deliveries', endpointId, transactionId, status]}
        load={(query) => webhooks.deliveries(endpointId, { ...query, transactionId, status })}
        keyOf={({ id }) => id}
        refetchMs={3_000}
        empty={
          transactionId === undefined ? (
            <Empty icon="webhooks" title={t('webhook.noDeliveries')}>
              {t('webhook.noDeliveriesHint')}
            </Empty>
          ) : (
            <p className="panel-note">{t('webhook.noDeliveries')}</p>
          )
        }
        columns={[
          {
            title: t('webhook.event'),
            cell: ({ id, event, replay, transactionId: of, paymentLinkId: ofLink }) => (
              <>
                <button type="button" className="link" title={event} onClick={() => setOpen(id)}>
                  {eventText(event, t)}
                  {replay && <span className="dim"> {t('webhook.replayed')}</span>}
                </button>
                {transactionId === undefined && of !== null && <TransactionLink id={of} />}
                {ofLink !== null && isPaymentLink(ofLink) && <PaymentLinkLink id={ofLink} />}
              </>
            ),
          },
          { title: t('column.status'), cell: (delivery) => <DeliveryStatus status={delivery.status} /> },
          { title: t('webhook.attempts'), cell: ({ attemptCount }) => attemptCount, isNumber: true },
          { title: t('webhook.next'), cell: ({ nextAttemptAt }) => <Time at={nextAttemptAt} /> },
          { title: t('column.created'), cell: ({ createdAt }) => <Time at={createdAt} /> },
        ]}
      />
      {open !== null && (
        <DeliveryDialog endpointId={endpointId} deliveryId={open} close={() => setOpen(null)} />
      )}
    </>
  );
}

function TransactionLink({ id }: { readonly id: string }): ReactNode {
  return (
    <Link to="/transactions/$id" params={{ id }} title={id} className="delivery-of">
      <code>{shortId(id)}</code>
    </Link>
  );
}

/** Sessions, whose ids are UUIDs, have no page. */
function isPaymentLink(id: string): boolean {
  return id.startsWith('pl_');
}

function PaymentLinkLink({ id }: { readonly id: string }): ReactNode {
  return (
    <Link to="/payment-links/$id" params={{ id }} title={id} className="delivery-of">
      <code>{shortId(id)}</code>
    </Link>
  );
}

function DeliveryStatus({ status }: Pick<WebhookDelivery, 'status'>): ReactNode {
  const { t } = useWords();
  return <span className={`status status-plain status-${COLOURS[status]}`}>{t(`delivery.${status}`)}</span>;
}

interface DialogProps {
  readonly endpointId: string;
  readonly deliveryId: string;
  readonly close: () => void;
}

function DeliveryDialog({ endpointId, deliveryId, close }: DialogProps): ReactNode {
  const { t, language } = useWords();
  const mayResend = useMay('manager');
  const query = useQuery({
    queryKey: ['deliveries', endpointId, 'one', deliveryId],
    queryFn: () => webhooks.delivery(endpointId, deliveryId),
    refetchInterval: 2_000,
  });
  const resend = useAction({
    run: () => webhooks.resend(endpointId, deliveryId),
    done: t('webhook.resent'),
    changes: ['deliveries', endpointId],
  });
  return (
    <Dialog title={t('webhook.delivery')} close={close} size="lg">
      <Loaded query={query}>
        {(delivery) => (
          <div className="delivery">
            <Facts
              items={[
                [t('webhook.event'), <EventName key="event" name={delivery.event} />],
                [t('column.status'), <DeliveryStatus key="status" status={delivery.status} />],
                [t('column.id'), <Id key="id" id={delivery.id} />],
                ...(delivery.callbackUrl === null ? [] : [[t('webhook.url'), delivery.callbackUrl] as const]),
              ]}
            />
            <h3>
              {t('webhook.body')} <CopyButton text={delivery.body} />
            </h3>
            <Lines text={indented(delivery.body)} label={t('webhook.body')} />
            <h3>{t('webhook.attempts')}</h3>
            {delivery.attempts.length === 0 && <p className="dim">{t('webhook.noAttempts')}</p>}
            {delivery.attempts.map((attempt) => (
              <div key={attempt.number} className="attempt">
                <p>
                  <AttemptResult statusCode={attempt.statusCode} error={attempt.error} />{' '}
                  <Time at={attempt.at} />{' '}
                  <span className="dim">{formatMilliseconds(attempt.latencyMs, language)}</span>
                </p>
                {attempt.response !== null && attempt.response !== '' && (
                  <Lines text={attempt.response} label={t('webhook.response')} />
                )}
              </div>
            ))}
            {resend.error !== null && <Failure error={resend.error} />}
            {mayResend && (
              <div className="dialog-actions">
                <Button loading={resend.isPending} onClick={() => resend.mutate(undefined)}>
                  {t('webhook.resend')}
                </Button>
              </div>
            )}
          </div>
        )}
      </Loaded>
    </Dialog>
  );
}

/** In words, with the code that a program knows it by. */
export function EventName({ name }: { readonly name: string }): ReactNode {
  const { t } = useWords();
  return (
    <>
      {eventText(name, t)} <code className="dim">{name}</code>
    </>
  );
}

/** The status of an answer, or why there was none. */
function AttemptResult({
  statusCode,
  error,
}: {
  readonly statusCode: number | null;
  readonly error: string | null;
}): ReactNode {
  const { t } = useWords();
  if (statusCode !== null || error === null) return <strong>{statusCode}</strong>;
  return <strong title={error}>{attemptText(error, t)}</strong>;
}

function Lines({ text, label }: { readonly text: string; readonly label: string }): ReactNode {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard
    <section className="code-box" aria-label={label} tabIndex={0}>
      <pre>{text}</pre>
    </section>
  );
}

function indented(json: string): string {
  try {
    return JSON.stringify(JSON.parse(json), null, 2);
  } catch {
    return json;
  }
}
