import { Button, SegmentedControl, TextInput } from '@mantine/core';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { type ReactNode, useState } from 'react';
import { type LoggedRequest, requestLog } from '../api.ts';
import { useRealTime } from '../clock.ts';
import { fieldError } from '../fieldErrors.ts';
import { formatMilliseconds } from '../format.ts';
import { useWords } from '../i18n/index.tsx';
import { List } from '../list.tsx';
import { refusalText } from '../reasons.ts';
import type { Search } from '../router.tsx';
import { CopyButton, Dialog, Empty, Facts, Id, Page, Panel, sentence, Time } from '../ui.tsx';

/** What the log's filter calls each class of status. */
const CLASSES = ['', '2xx', '4xx', '5xx'] as const;

export default function Requests(): ReactNode {
  const { t, language } = useWords();
  const real = useRealTime();
  const search = useSearch({ strict: false }) as Search;
  const navigate = useNavigate();
  const [open, setOpen] = useState<LoggedRequest | null>(null);
  const { status, text } = search;
  const [error, setError] = useState<unknown>(null);
  const [typed, setTyped] = useState(text ?? '');
  const choose = (patch: Search): void =>
    void navigate({ to: '/developers/requests', search: { status, text, ...patch } });
  return (
    <Page
      title={t('nav.requests')}
      lead={t('request.lead')}
      actions={
        <SegmentedControl
          size="xs"
          aria-label={t('column.status')}
          value={status ?? ''}
          onChange={(value) => choose({ status: value })}
          data={CLASSES.map((value) => ({ value, label: value === '' ? t('view.all') : value }))}
        />
      }
    >
      <form
        className="find"
        onSubmit={(event) => {
          event.preventDefault();
          choose({ text: typed.trim() });
        }}
      >
        <TextInput
          size="xs"
          type="search"
          aria-label={t('request.find')}
          placeholder={t('request.find')}
          error={fieldError(error, 'text', t)}
          value={typed}
          onChange={(event) => setTyped(event.currentTarget.value)}
        />
        <Button size="xs" variant="default" type="submit">
          {t('find')}
        </Button>
      </form>
      <Panel>
        <List
          label={t('nav.requests')}
          queryKey={['requests', status, text]}
          load={(query) => requestLog({ ...query, limit: 50, status, text })}
          keyOf={({ id }) => id}
          refetchMs={5_000}
          fields={['text']}
          onError={setError}
          empty={
            <Empty icon="requests" title={t('request.none')}>
              {t('request.noneHint')}
            </Empty>
          }
          columns={[
            { title: t('column.status'), cell: (row) => <HttpStatus status={row.status} /> },
            {
              title: t('request.path'),
              cell: (row) => (
                <button type="button" className="link" onClick={() => setOpen(row)}>
                  <code className="cell-text cell-path" title={`${row.method} ${row.path}`}>
                    <span className="method-name">{row.method}</span> {row.path}
                  </code>
                </button>
              ),
            },
            {
              title: t('column.reason'),
              cell: ({ reason }) =>
                reason === null ? <span className="dim">–</span> : <Refusal reason={reason} />,
            },
            {
              title: t('request.latency'),
              cell: ({ latencyMs }) => formatMilliseconds(latencyMs, language),
              isNumber: true,
            },
            { title: real(t('request.at')), cell: ({ at }) => <Time at={at} /> },
          ]}
        />
      </Panel>
      {open !== null && <RequestDialog request={open} close={() => setOpen(null)} />}
    </Page>
  );
}

function HttpStatus({ status }: { readonly status: number }): ReactNode {
  const colour = status >= 500 ? 'red' : status >= 400 ? 'orange' : 'green';
  return <span className={`status status-plain status-${colour}`}>{status}</span>;
}

interface RefusalProps {
  readonly reason: string;
  /** With the code beside the words, not only behind them. */
  readonly isWhole?: boolean;
}

function Refusal({ reason, isWhole = false }: RefusalProps): ReactNode {
  const { t } = useWords();
  return (
    <>
      <span className={isWhole ? '' : 'cell-text'} title={reason}>
        {sentence(refusalText(reason, t))}
      </span>
      {isWhole && <code className="dim"> {reason}</code>}
    </>
  );
}

function RequestDialog({
  request,
  close,
}: {
  readonly request: LoggedRequest;
  readonly close: () => void;
}): ReactNode {
  const { t, language } = useWords();
  const real = useRealTime();
  const items: readonly (readonly [string, ReactNode])[] = [
    [t('column.status'), <HttpStatus key="status" status={request.status} />],
    [
      t('column.reason'),
      request.reason === null ? null : <Refusal key="reason" reason={request.reason} isWhole />,
    ],
    [real(t('request.at')), <Time key="at" at={request.at} show="full" />],
    [t('request.latency'), formatMilliseconds(request.latencyMs, language)],
    [t('request.route'), <code key="route">{request.route}</code>],
    [t('request.id'), <Id key="id" id={request.requestId} />],
    [
      t('request.idempotencyKey'),
      request.idempotencyKey === null ? null : <Id key="key" id={request.idempotencyKey} />,
    ],
    [t('request.credential'), <Id key="credential" id={request.credentialId} short />],
  ];
  return (
    <Dialog title={t('request.title')} close={close} size="lg">
      <p className="secret">
        <code>
          {request.method} {request.path}
        </code>
        <CopyButton text={request.path} />
      </p>
      <Facts items={items.filter(([, value]) => value !== null)} />
    </Dialog>
  );
}
