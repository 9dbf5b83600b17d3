import { Button, Code, Group, Stack, Text } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { type ReactNode, useState } from 'react';
import { newIdempotencyKey, type WebhookEndpoint, webhooks } from '../api.ts';
import { useWords } from '../i18n/index.tsx';
import { List, useAction } from '../list.tsx';
import { Secret } from '../secret.tsx';
import { useMay } from '../session.tsx';
import { Confirm, CopyButton, Dialog, Empty, Page, Panel, Time } from '../ui.tsx';
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
      <Stack gap="md">
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
        <Callbacks />
      </Stack>
      {isCreating && <CreateEndpoint close={() => setCreating(false)} />}
    </Page>
  );
}

/** Where links want what becomes of them: by the origins of the addresses that they name. */
function Callbacks(): ReactNode {
  const { t } = useWords();
  const mayChange = useMay('admin');
  const [isAsked, setAsked] = useState(false);
  return (
    <Panel
      title={t('callback.title')}
      actions={
        mayChange && (
          <Button size="xs" variant="default" onClick={() => setAsked(true)}>
            {t('callback.new')}
          </Button>
        )
      }
    >
      <List
        label={t('callback.title')}
        queryKey={['endpoints', 'callbacks']}
        load={webhooks.callbacks}
        keyOf={({ id }) => id}
        empty={<p className="panel-note">{t('callback.none')}</p>}
        columns={[
          {
            title: t('webhook.url'),
            cell: ({ id, url }) => (
              <Link to="/developers/webhooks/$id" params={{ id }} className="cell-text" title={url}>
                {url}
              </Link>
            ),
          },
          { title: t('column.status'), cell: (endpoint) => <EndpointStatus endpoint={endpoint} /> },
          { title: t('column.created'), cell: ({ createdAt }) => <Time at={createdAt} /> },
        ]}
      />
      {isAsked && <NewCallbackSecret close={() => setAsked(false)} />}
    </Panel>
  );
}

function NewCallbackSecret({ close }: { readonly close: () => void }): ReactNode {
  const { t } = useWords();
  const create = useAction({ run: () => webhooks.newCallbackSecret(), changes: ['endpoints'] });
  const { data } = create;
  return (
    <Dialog title={t('callback.new')} close={close} isOnce={data !== undefined}>
      {data === undefined ? (
        <Confirm
          text={t('callback.newText')}
          action={t('callback.new')}
          error={create.error}
          isRunning={create.isPending}
          run={() => create.mutate(undefined)}
        />
      ) : (
        <Stack gap="xs">
          <Text size="sm">Authorization: Bearer …</Text>
          <Group gap="xs" wrap="nowrap">
            <Code className="secret">{data.bearerToken}</Code>
            {data.bearerToken !== null && <CopyButton text={data.bearerToken} />}
          </Group>
          <Text size="sm">{t('webhook.secret')}</Text>
          <Secret label={t('webhook.secret')} text={data.secret} hint={t('callback.hint')} close={close} />
        </Stack>
      )}
    </Dialog>
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
