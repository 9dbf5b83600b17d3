import { Button } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { type ReactNode, useState } from 'react';
import { newIdempotencyKey, type WebhookEndpoint, webhooks } from '../api.ts';
import { useWords } from '../i18n/index.tsx';
import { List, useAction } from '../list.tsx';
import { Secret } from '../secret.tsx';
import { useMay } from '../session.tsx';
import { Dialog, Empty, Page, Panel, Time } from '../ui.tsx';
import { EndpointForm } from '../webhookDialogs.tsx';

export default function Webhooks(): ReactNode {
  const { t } = useWords();
  const mayChange = useMay('admin');
  const [isCreating, setCreating] = useState(false);
  const create = (
    <Button size="xs" onClick={() => setCreating(true)}>
      {t('webhook.create')}
    </Button>
  );
  return (
    <Page title={t('nav.webhooks')} lead={t('webhook.lead')} actions={mayChange && create}>
      <Panel>
        <List
          label={t('nav.webhooks')}
          queryKey={['endpoints']}
          load={webhooks.list}
          keyOf={({ id }) => id}
          empty={
            <Empty icon="webhooks" title={t('webhook.none')}>
              <p>{t('webhook.noneHint')}</p>
              {mayChange && create}
            </Empty>
          }
          columns={[
            {
              title: t('webhook.url'),
              cell: ({ id, url }) => (
                <Link
                  to="/developers/webhooks/$id"
                  params={{ id }}
                  className="cell-text cell-wide"
                  title={url}
                >
                  {url}
                </Link>
              ),
            },
            { title: t('column.status'), cell: (endpoint) => <EndpointStatus endpoint={endpoint} /> },
            {
              title: t('webhook.events'),
              cell: ({ events }) => (events.length === 0 ? t('webhook.allEvents') : events.length),
            },
            { title: t('column.created'), cell: ({ createdAt }) => <Time at={createdAt} /> },
          ]}
        />
      </Panel>
      {isCreating && <CreateEndpoint close={() => setCreating(false)} />}
    </Page>
  );
}

export function EndpointStatus({ endpoint }: { readonly endpoint: WebhookEndpoint }): ReactNode {
  const { t } = useWords();
  const { status, disabledReason, failingSince } = endpoint;
  if (status === 'disabled') {
    return (
      <span className="status status-plain status-red">
        {t('endpoint.disabled')}
        {disabledReason !== null && ` (${t(`endpoint.${disabledReason}`)})`}
      </span>
    );
  }
  if (failingSince !== null)
    return <span className="status status-plain status-orange">{t('endpoint.failingNow')}</span>;
  return <span className="status status-plain status-green">{t('endpoint.enabled')}</span>;
}

function CreateEndpoint({ close }: { readonly close: () => void }): ReactNode {
  const { t } = useWords();
  const [key] = useState(newIdempotencyKey);
  const create = useAction({
    run: (fields: Pick<WebhookEndpoint, 'url' | 'description' | 'events'>) => webhooks.create(fields, key),
    changes: ['endpoints'],
  });
  if (create.data !== undefined) {
    return (
      <Dialog title={t('webhook.created')} close={close} isOnce>
        <Secret
          label={t('webhook.secret')}
          text={create.data.secret}
          hint={t('webhook.secretHint')}
          close={close}
        />
      </Dialog>
    );
  }
  return (
    <Dialog title={t('webhook.create')} close={close}>
      <EndpointForm
        {...{ url: '', description: null, events: [] }}
        action={t('webhook.create')}
        error={create.error}
        isRunning={create.isPending}
        save={(fields) => create.mutate(fields)}
      />
    </Dialog>
  );
}
