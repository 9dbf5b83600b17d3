import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { type LedgerSums, operations } from '../api.ts';
import { useWords } from '../i18n/index.tsx';
import { Table } from '../list.tsx';
import { Amount, Empty, Loaded, Page, Panel } from '../ui.tsx';

const KINDS = ['available', 'held', 'merchantBalances', 'fundingBalance', 'acquirerBalance'] as const;

/** All accounts, by currency and kind: what double entry is for stands in the last column. */
export default function Ledger(): ReactNode {
  const { t } = useWords();
  const sums = useQuery({ queryKey: ['sums'], queryFn: operations.sums, refetchInterval: 10_000 });
  const amount = (kind: (typeof KINDS)[number]) => (row: LedgerSums) => (
    <Amount amount={row[kind]} currency={row.currency} />
  );
  return (
    <Page title={t('nav.ledger')} lead={t('ledger.lead')}>
      <Panel>
        <Loaded query={sums} shape="table">
          {({ items }) =>
            items.length === 0 ? (
              <Empty icon="ledger" title={t('ledger.none')} />
            ) : (
              <Table
                label={t('nav.ledger')}
                rows={items}
                keyOf={({ currency }) => currency}
                columns={[
                  { title: t('filter.currency'), cell: ({ currency }) => <strong>{currency}</strong> },
                  ...KINDS.map((kind) => ({
                    title: t(`ledger.${kind}`),
                    cell: amount(kind),
                    isNumber: true,
                  })),
                  {
                    title: t('ledger.sum'),
                    isNumber: true,
                    cell: ({ sum, currency }) => (
                      <span className={sum === 0n ? 'up' : 'down'}>
                        <Amount amount={sum} currency={currency} strong />
                      </span>
                    ),
                  },
                ]}
              />
            )
          }
        </Loaded>
      </Panel>
    </Page>
  );
}
