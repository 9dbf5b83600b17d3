/** What moved on a merchant's balance: its own, or any for an operator. */
import type { QueryKey } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import type { MerchantStatement, Query } from './api.ts';
import { useWords } from './i18n/index.tsx';
import { List } from './list.tsx';
import { Amount, Empty, Time } from './ui.tsx';

interface StatementProps {
  readonly queryKey: QueryKey;
  readonly load: (query: Query) => Promise<MerchantStatement>;
  readonly currency: string;
}

export function Statement({ queryKey, load, currency }: StatementProps): ReactNode {
  const { t } = useWords();
  return (
    <List
      label={`${t('wallet.statement')} ${currency}`}
      queryKey={queryKey}
      load={(query) => load({ ...query, limit: 10 })}
      keyOf={({ operationId, code, at }) => operationId + code + at}
      empty={<Empty icon="ledger" title={t('wallet.noStatement')} />}
      columns={[
        { title: t('column.created'), cell: ({ at }) => <Time at={at} /> },
        { title: t('column.type'), cell: ({ code }) => t(`entry.${code}`) },
        { title: t('column.order'), cell: ({ reference }) => <span className="cell-text">{reference}</span> },
        {
          title: t('column.amount'),
          cell: ({ change }) => <Amount amount={change} currency={currency} />,
          isNumber: true,
        },
        {
          title: t('wallet.balanceAfter'),
          cell: ({ balance }) => <Amount amount={balance} currency={currency} />,
          isNumber: true,
        },
      ]}
    />
  );
}
