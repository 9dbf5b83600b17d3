/** Payment links: how many there are and for how much, a list of them by filters in the address, and a new one. */
import { Button, Paper, SimpleGrid, Text } from '@mantine/core';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { type ReactNode, useState } from 'react';
import { type PaymentLink, type PaymentLinkSums, PlexyPayError, paymentLinks } from '../api.ts';
import { useServerNow } from '../clock.ts';
import { fieldError } from '../fieldErrors.ts';
import { type Change, ChoiceFilter, DateFilter } from '../filterBar.tsx';
import { type Filters, filtersOf, queryOf } from '../filters.ts';
import { formatNumber } from '../format.ts';
import { useWords } from '../i18n/index.tsx';
import { CreateLinkDialog } from '../linkDialogs.tsx';
import { List } from '../list.tsx';
import type { Search } from '../router.tsx';
import { SearchForm } from '../searchForm.tsx';
import { useMay } from '../session.tsx';
import { LINK_STATUSES, LinkStatusBadge } from '../status.tsx';
import { Amount, Empty, Failure, Page, Panel, Time } from '../ui.tsx';

const PAGE_SIZE = 50;
const STATISTICS_MS = 10_000;
const STATUSES = Object.keys(LINK_STATUSES) as PaymentLink['status'][];
const FILTERS = ['status', 'orderReference', 'createdFrom', 'createdTo'] as const;

function linkFiltersOf({ status, orderReference, createdFrom, createdTo }: Search): Filters {
  return filtersOf({ status, orderReference, createdFrom, createdTo });
}

export default function PaymentLinks(): ReactNode {
  const { t } = useWords();
  const mayCreate = useMay('manager');
  const filters = linkFiltersOf(useSearch({ strict: false }) as Search);
  const navigate = useNavigate();
  const now = useServerNow();
  const [isCreating, setCreating] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const change: Change = (patch) => void navigate({ to: '/payment-links', search: { ...filters, ...patch } });
  const create = (
    <Button size="xs" onClick={() => setCreating(true)}>
      {t('link.create')}
    </Button>
  );
  return (
    <Page title={t('nav.paymentLinks')} lead={t('link.lead')} actions={mayCreate && create}>
      <Statistics filters={filters} />
      <SearchForm
        key={filters.orderReference}
        label={t('filter.order')}
        placeholder={t('link.find')}
        value={filters.orderReference ?? ''}
        error={fieldError(error, 'orderReference', t)}
        find={(orderReference) => change({ orderReference: orderReference || undefined })}
      />
      <div className="filters">
        <ChoiceFilter
          {...{ filters, error, change }}
          name="status"
          title="filter.status"
          values={STATUSES}
          label={(status) => t(`linkStatus.${status as PaymentLink['status']}`)}
        />
        <DateFilter {...{ filters, error, change }} />
        {Object.keys(filters).length > 0 && (
          <Button
            variant="subtle"
            size="compact-sm"
            color="gray"
            onClick={() => void navigate({ to: '/payment-links' })}
          >
            {t('list.clearFilters')}
          </Button>
        )}
      </div>
      <Panel>
        <List<PaymentLink>
          label={t('nav.paymentLinks')}
          queryKey={['paymentLinks', 'list', filters]}
          load={(page) => paymentLinks.list({ ...queryOf(filters, now()), ...page, limit: PAGE_SIZE }).page()}
          keyOf={({ id }) => id}
          fields={FILTERS}
          onError={setError}
          empty={
            Object.keys(filters).length === 0 ? (
              <Empty icon="link" title={t('link.none')}>
                <p>{t('link.noneHint')}</p>
                {mayCreate && create}
              </Empty>
            ) : (
              <Empty icon="filter" title={t('list.noMatch')}>
                <Link to="/payment-links">{t('list.clearFilters')}</Link>
              </Empty>
            )
          }
          columns={[
            {
              title: t('column.amount'),
              isNumber: true,
              cell: ({ id, amount, currency }) => (
                <Link to="/payment-links/$id" params={{ id }}>
                  <Amount amount={amount} currency={currency} strong />
                </Link>
              ),
            },
            { title: t('column.status'), cell: ({ status }) => <LinkStatusBadge status={status} /> },
            {
              title: t('payment.order'),
              cell: ({ orderReference }) => (
                <span className="cell-text" title={orderReference}>
                  {orderReference}
                </span>
              ),
            },
            { title: t('column.created'), cell: ({ createdAt }) => <Time at={createdAt} /> },
            { title: t('link.expires'), cell: ({ expiresAt }) => <Time at={expiresAt} /> },
          ]}
        />
      </Panel>
      {isCreating && <CreateLinkDialog close={() => setCreating(false)} />}
    </Page>
  );
}

/** Of the time that the list is of. A sum over all links is dear: it is not read with each event, as the list is. */
function Statistics({ filters }: { readonly filters: Filters }): ReactNode {
  const { t } = useWords();
  const now = useServerNow();
  const { createdFrom, createdTo } = filters;
  const range: Filters = filtersOf({ createdFrom, createdTo });
  const sums = useQuery({
    queryKey: ['paymentLinkStatistics', range],
    queryFn: () => paymentLinks.statistics(queryOf(range, now())).page(),
    refetchInterval: STATISTICS_MS,
    placeholderData: keepPreviousData,
  });
  if (sums.data === undefined) {
    // What is wrong with the time is told at its filter.
    const isToldElsewhere = sums.error instanceof PlexyPayError && sums.error.status === 400;
    if (sums.error === null || isToldElsewhere) return null;
    return <Failure error={sums.error} retry={() => void sums.refetch()} />;
  }
  if (sums.data.items.length === 0) return null;
  const { items } = sums.data;
  return (
    <section aria-label={t('link.statistics')}>
      <SimpleGrid cols={{ base: 2, sm: 4 }} spacing="sm" mb="md">
        {STATUSES.map((status) => (
          <StatusSum key={status} status={status} sums={items} />
        ))}
      </SimpleGrid>
    </section>
  );
}

interface StatusSumProps {
  readonly status: PaymentLink['status'];
  readonly sums: readonly PaymentLinkSums[];
}

function StatusSum({ status, sums }: StatusSumProps): ReactNode {
  const { language } = useWords();
  const some = sums.filter((sum) => sum[status].count > 0);
  const count = some.reduce((total, sum) => total + sum[status].count, 0);
  return (
    <Paper withBorder p="sm">
      <LinkStatusBadge status={status} />
      <Text fz={20} fw={600}>
        {formatNumber(count, language)}
      </Text>
      {some.map((sum) => (
        <Text key={sum.currency} size="sm">
          <Amount amount={sum[status].amount} currency={sum.currency} />
        </Text>
      ))}
    </Paper>
  );
}
