/** The banks that cards are paid by, and which payments go to which of them. */
import { ActionIcon, Badge, Button, Group, Stack, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { type Acquirer, type AcquirerRoute, acquirers } from '../api.ts';
import { formatNumber } from '../format.ts';
import { useWords } from '../i18n/index.tsx';
import { Icon } from '../icons.tsx';
import { List, Table, useAction } from '../list.tsx';
import { Amount, Empty, Failure, Loaded, Page, Panel, shortId } from '../ui.tsx';

const REFETCH_MS = 5_000;

export default function Acquirers(): ReactNode {
  const { t } = useWords();
  return (
    <Page title={t('nav.acquirers')} lead={t('acquirer.lead')}>
      <Stack>
        <AcquirersPanel />
        <RoutesPanel />
      </Stack>
    </Page>
  );
}

function AcquirersPanel(): ReactNode {
  const { t, language } = useWords();
  const change = useAction({
    run: ({ id, takesPayments }: Acquirer) => acquirers.update(id, { takesPayments: !takesPayments }),
    done: t('saved'),
    changes: ['acquirers'],
  });
  return (
    <Panel>
      {change.error !== null && <Failure error={change.error} />}
      <List
        label={t('nav.acquirers')}
        queryKey={['acquirers']}
        load={acquirers.list}
        refetchMs={REFETCH_MS}
        keyOf={({ id }) => id}
        empty={<Empty icon="acquirers" title={t('acquirer.none')} />}
        columns={[
          { title: t('name'), cell: (acquirer) => <Name acquirer={acquirer} /> },
          { title: t('acquirer.connector'), cell: ({ connector }) => <code>{connector}</code> },
          { title: t('acquirer.capabilities'), cell: (acquirer) => <Capabilities acquirer={acquirer} /> },
          { title: t('column.status'), cell: (acquirer) => <State acquirer={acquirer} /> },
          {
            title: t('health.pending'),
            isNumber: true,
            cell: ({ pendingOperations }) => formatNumber(pendingOperations, language),
          },
          { title: t('acquirer.owes'), isNumber: true, cell: (acquirer) => <Owed acquirer={acquirer} /> },
          {
            title: t('user.actions'),
            cell: (acquirer) => (
              <Button
                size="compact-xs"
                variant="default"
                aria-label={t(acquirer.takesPayments ? 'acquirer.pauseNamed' : 'acquirer.resumeNamed', {
                  name: acquirer.name,
                })}
                loading={change.isPending && change.variables?.id === acquirer.id}
                onClick={() => change.mutate(acquirer)}
              >
                {t(acquirer.takesPayments ? 'acquirer.pause' : 'acquirer.resume')}
              </Button>
            ),
          },
        ]}
      />
    </Panel>
  );
}

function Name({ acquirer: { name, isDefault } }: { readonly acquirer: Acquirer }): ReactNode {
  const { t } = useWords();
  return (
    <Group gap="xs" wrap="nowrap">
      <span className="cell-text">{name}</span>
      {isDefault && (
        <Badge size="sm" variant="default" tt="none">
          {t('acquirer.default')}
        </Badge>
      )}
    </Group>
  );
}

function Capabilities({ acquirer: { capabilities } }: { readonly acquirer: Acquirer }): ReactNode {
  const { t } = useWords();
  return (
    <Text size="sm" miw={180} maw={320} py={4} style={{ whiteSpace: 'normal' }}>
      {capabilities.map((capability) => t(`acquirer.capability.${capability}`)).join(', ') || '–'}
    </Text>
  );
}

/** What the node that answers says of it. */
function State({ acquirer: { takesPayments, problem } }: { readonly acquirer: Acquirer }): ReactNode {
  const { t } = useWords();
  if (problem !== null)
    return <span className="status status-plain status-red">{t(`acquirer.problem.${problem}`)}</span>;
  return (
    <span className={`status status-plain status-${takesPayments ? 'green' : 'orange'}`}>
      {t(takesPayments ? 'acquirer.takes' : 'acquirer.paused')}
    </span>
  );
}

function Owed({ acquirer: { balances } }: { readonly acquirer: Acquirer }): ReactNode {
  if (balances.length === 0) return '–';
  return (
    <Stack gap={0} py={4} align="flex-end">
      {balances.map(({ currency, balance }) => (
        <Amount key={currency} amount={-BigInt(balance)} currency={currency} />
      ))}
    </Stack>
  );
}

function RoutesPanel(): ReactNode {
  const { t } = useWords();
  const routes = useQuery({ queryKey: ['acquirerRoutes'], queryFn: acquirers.routes });
  const known = useQuery({ queryKey: ['acquirerNames'], queryFn: acquirers.list });
  const nameOf = (id: string): string =>
    known.data?.items.find((acquirer) => acquirer.id === id)?.name ?? shortId(id);
  return (
    <Panel title={t('acquirer.routes')}>
      <Loaded query={routes} shape="table">
        {({ routes: all }) =>
          all.length === 0 ? (
            <Empty icon="acquirers" title={t('acquirer.noRoutes')}>
              {t('acquirer.noRoutesHint')}
            </Empty>
          ) : (
            <Routes routes={all} nameOf={nameOf} />
          )
        }
      </Loaded>
    </Panel>
  );
}

interface RoutesProps {
  readonly routes: readonly AcquirerRoute[];
  readonly nameOf: (acquirerId: string) => string;
}

function Routes({ routes, nameOf }: RoutesProps): ReactNode {
  const { t } = useWords();
  const save = useAction({ run: acquirers.setRoutes, done: t('saved'), changes: ['acquirerRoutes'] });
  const rows = routes.map((route, i) => ({ ...route, place: i + 1 }));
  return (
    <>
      {save.error !== null && <Failure error={save.error} />}
      <Table
        label={t('acquirer.routes')}
        rows={rows}
        keyOf={({ place }) => String(place)}
        columns={[
          { title: t('acquirer.place'), isNumber: true, cell: ({ place }) => place },
          { title: t('acquirer.fits'), cell: (route) => <Fits route={route} /> },
          {
            title: t('acquirer.acquirer'),
            cell: ({ acquirerId }) => <span className="cell-text">{nameOf(acquirerId)}</span>,
          },
          {
            title: t('user.actions'),
            cell: ({ place }) => (
              <Group gap={4} wrap="nowrap">
                {([-1, 1] as const).map((step) => (
                  <ActionIcon
                    key={step}
                    size="sm"
                    variant="default"
                    aria-label={t(step < 0 ? 'acquirer.earlier' : 'acquirer.later', { place })}
                    disabled={save.isPending || place + step < 1 || place + step > routes.length}
                    onClick={() => save.mutate(moved(routes, place - 1, step))}
                  >
                    <Icon name={step < 0 ? 'arrowUp' : 'arrowDown'} size={14} />
                  </ActionIcon>
                ))}
              </Group>
            ),
          },
        ]}
      />
      <Text size="sm" c="dimmed" p="md">
        {t('acquirer.routesHint')}
      </Text>
    </>
  );
}

/** @returns the routes with this one and its neighbour in each other's places */
function moved(routes: readonly AcquirerRoute[], from: number, step: -1 | 1): AcquirerRoute[] {
  const after = [...routes];
  const [route] = after.splice(from, 1);
  if (route !== undefined) after.splice(from + step, 0, route);
  return after;
}

/** What payments it is for, in words. */
function Fits({ route }: { readonly route: AcquirerRoute }): ReactNode {
  const { t } = useWords();
  const { merchantId, currency, cardBrand } = route;
  if (merchantId === null && currency === null && cardBrand === null) return t('acquirer.fitsAll');
  return (
    <Group gap="xs">
      {merchantId !== null && (
        <Link to="/operator/merchants/$id" params={{ id: merchantId }} className="cell-text">
          {t('acquirer.merchant', { id: shortId(merchantId) })}
        </Link>
      )}
      {currency !== null && <span>{currency}</span>}
      {cardBrand !== null && <code>{cardBrand}</code>}
    </Group>
  );
}
