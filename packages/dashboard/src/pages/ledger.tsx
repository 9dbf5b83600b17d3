import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { type LedgerSums, operations } from '../api.ts';
import { type Translate, useWords } from '../i18n/index.tsx';
import { type ListColumn, Table } from '../list.tsx';
import { Amount, Empty, Loaded, Page, Panel } from '../ui.tsx';

/** All accounts, by currency and kind: what double entry is for stands in the last column. */
export default function Ledger(): ReactNode {
  const { t } = useWords();
  const sums = useQuery({ queryKey: ['sums'], queryFn: operations.sums, refetchInterval: 10_000 });
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
                  ...columnsOf(items, t),
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

/** One for each kind of account that the ledger has, and one for what is held where anything is. */
function columnsOf(items: readonly LedgerSums[], t: Translate): ListColumn<LedgerSums>[] {
  const kinds = [...new Set(items.flatMap(({ accounts }) => accounts.map(({ kind }) => kind)))];
  const sumOf = (row: LedgerSums, kind: (typeof kinds)[number], part: 'balance' | 'held'): bigint =>
    row.accounts.find((account) => account.kind === kind)?.[part] ?? 0n;
  return kinds.flatMap((kind) => {
    const column = (title: string, part: 'balance' | 'held'): ListColumn<LedgerSums> => ({
      title,
      cell: (row) => <Amount amount={sumOf(row, kind, part)} currency={row.currency} />,
      isNumber: true,
    });
    const balance = column(t(`ledger.${kind}`), 'balance');
    const isHeld = items.some((row) => sumOf(row, kind, 'held') !== 0n);
    return isHeld ? [balance, column(t('ledger.held', { kind: t(`ledger.${kind}`) }), 'held')] : [balance];
  });
}
