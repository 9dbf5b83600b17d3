import { Button, SegmentedControl } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { type ReactNode, useState } from 'react';
import { type WebhookEndpoint, webhooks } from '../api.ts';
import { useRealTime } from '../clock.ts';
import { Deliveries } from '../deliveries.tsx';
import { useWords } from '../i18n/index.tsx';
import { useAction } from '../list.tsx';
import { eventText } from '../reasons.ts';
import type { Search } from '../router.tsx';
import { Secret } from '../secret.tsx';
import { useMay } from '../session.tsx';
import { Confirm, Dialog, Facts, Failure, Id, Loaded, Page, Panel, Time } from '../ui.tsx';
import { EditDialog, ReplayDialog, TokenDialog } from '../webhookDialogs.tsx';
import { EndpointStatus } from './webhooks.tsx';

export default function WebhookPage(): ReactNode {
  const { t } = useWords();
  const { id = '' } = useParams({ strict: false });
  const { status } = useSearch({ strict: false }) as Search;
  const navigate = useNavigate();
  const [mayReplay, mayChange] = [useMay('manager'), useMay('admin')];
  const query = useQuery({
    queryKey: ['endpoints', id],
    queryFn: () => webhooks.get(id),
    refetchInterval: 5_000,
  });
  return (
    <Loaded query={query} shape="details">
      {(endpoint) => (
        <Page
          title={endpoint.url}
          lead={<EndpointStatus endpoint={endpoint} />}
          actions={
            mayReplay && (
              <>
                <Replay endpoint={endpoint} />
                {mayChange && <Actions endpoint={endpoint} />}
              </>
            )
          }
        >
          <div className="two-columns">
            <Panel
              title={t('webhook.deliveries')}
              actions={
                <SegmentedControl
                  size="xs"
                  aria-label={t('column.status')}
                  value={status ?? ''}
                  onChange={(value) =>
                    void navigate({
                      to: '/developers/webhooks/$id',
                      params: { id },
                      search: value === '' ? {} : { status: value },
                    })
                  }
                  data={[
                    { value: '', label: t('view.all') },
                    ...(['pending', 'delivered', 'failed'] as const).map((value) => ({
                      value,
                      label: t(`delivery.${value}`),
                    })),
                  ]}
                />
              }
            >
              <Deliveries endpointId={id} status={status} />
            </Panel>
            <Panel title={t('payment.details')} className="panel-top">
              <Details endpoint={endpoint} />
            </Panel>
          </div>
        </Page>
      )}
    </Loaded>
  );
}

function Details({ endpoint }: { readonly endpoint: WebhookEndpoint }): ReactNode {
  const { t } = useWords();
  const real = useRealTime();
  const items: readonly (readonly [string, ReactNode])[] = [
    [t('column.id'), <Id key="id" id={endpoint.id} short />],
    [t('payment.description'), endpoint.description],
    [
      t('webhook.events'),
      endpoint.kind === 'callback' ? (
        t('callback.events')
      ) : endpoint.events.length === 0 ? (
        t('webhook.allEvents')
      ) : (
        <EventNames key="events" names={endpoint.events} />
      ),
    ],
    [t('webhook.bearer'), endpoint.hasBearerToken ? t('webhook.bearerSet') : null],
    [
      t('webhook.failingSince'),
      endpoint.failingSince === null ? null : <Time key="failing" at={endpoint.failingSince} show="full" />,
    ],
    [
      real(t('webhook.previousSecret')),
      endpoint.previousSecretValidUntil === null ? null : (
        <Time key="previous" at={endpoint.previousSecretValidUntil} show="full" />
      ),
    ],
    [t('column.created'), <Time key="created" at={endpoint.createdAt} show="full" />],
  ];
  return <Facts items={items.filter(([, value]) => value !== null)} />;
}

function EventNames({ names }: { readonly names: WebhookEndpoint['events'] }): ReactNode {
  const { t } = useWords();
  return names.map((name, i) => (
    <span key={name} title={name}>
      {i > 0 && ', '}
      {eventText(name, t)}
    </span>
  ));
}

function Replay({ endpoint }: { readonly endpoint: WebhookEndpoint }): ReactNode {
  const { t } = useWords();
  const [isAsked, setAsked] = useState(false);
  return (
    <>
      <Button size="xs" variant="default" onClick={() => setAsked(true)}>
        {t('webhook.replay')}
      </Button>
      {isAsked && <ReplayDialog endpoint={endpoint} close={() => setAsked(false)} />}
    </>
  );
}

function Actions({ endpoint }: { readonly endpoint: WebhookEndpoint }): ReactNode {
  const { t } = useWords();
  const { id, status, kind } = endpoint;
  const navigate = useNavigate();
  const [asked, setAsked] = useState<'edit' | 'token' | 'rotate' | 'remove' | null>(null);
  const test = useAction({
    run: () => webhooks.test(id),
    done: t('webhook.tested'),
    changes: ['deliveries', id],
  });
  const other = status === 'enabled' ? 'disable' : 'enable';
  const change = useAction({
    run: () => webhooks.switch(id, other),
    done: t('saved'),
    changes: ['endpoints'],
  });
  const rotate = useAction({ run: () => webhooks.rotate(id), changes: ['endpoints'] });
  const remove = useAction({
    run: () => webhooks.remove(id),
    done: t('webhook.removed'),
    andThen: () => void navigate({ to: '/developers/webhooks' }),
    changes: ['endpoints'],
  });
  const close = (): void => setAsked(null);
  return (
    <>
      {kind === 'registered' && (
        <>
          <Button size="xs" variant="default" loading={test.isPending} onClick={() => test.mutate(undefined)}>
            {t('webhook.test')}
          </Button>
          <Button size="xs" variant="default" onClick={() => setAsked('edit')}>
            {t('webhook.edit')}
          </Button>
          <Button size="xs" variant="default" onClick={() => setAsked('token')}>
            {t('webhook.token')}
          </Button>
          <Button size="xs" variant="default" onClick={() => setAsked('rotate')}>
            {t('webhook.rotate')}
          </Button>
        </>
      )}
      <Button size="xs" variant="default" loading={change.isPending} onClick={() => change.mutate(undefined)}>
        {t(`webhook.${other}`)}
      </Button>
      <Button size="xs" variant="default" onClick={() => setAsked('remove')}>
        {t('webhook.remove')}
      </Button>
      {[test.error, change.error].map(
        (error) => error !== null && <Failure key={error.message} error={error} />,
      )}
      {asked === 'edit' && <EditDialog endpoint={endpoint} close={close} />}
      {asked === 'token' && <TokenDialog endpoint={endpoint} close={close} />}
      {asked === 'rotate' && (
        <Dialog title={t('webhook.rotate')} close={close} isOnce={rotate.data !== undefined}>
          {rotate.data === undefined ? (
            <Confirm
              text={t('webhook.rotateText')}
              action={t('webhook.rotate')}
              error={rotate.error}
              isRunning={rotate.isPending}
              run={() => rotate.mutate(undefined)}
            />
          ) : (
            <Secret
              label={t('webhook.secret')}
              text={rotate.data.secret}
              hint={t('webhook.secretHint')}
              close={close}
            />
          )}
        </Dialog>
      )}
      {asked === 'remove' && (
        <Dialog title={t('webhook.remove')} close={close}>
          <Confirm
            text={t('webhook.removeText')}
            action={t('webhook.remove')}
            error={remove.error}
            isRunning={remove.isPending}
            run={() => remove.mutate(undefined)}
          />
        </Dialog>
      )}
    </>
  );
}
