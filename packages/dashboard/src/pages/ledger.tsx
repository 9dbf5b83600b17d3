import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { admin } from '../api.ts';
import { useWords } from '../i18n/index.tsx';
import { Table } from '../list.tsx';
import { Amount, Empty, Loaded, Page, Panel } from '../ui.tsx';

export default function Ledger(): ReactNode {
  const { t } = useWords();
  const accounts = useQuery({ queryKey: ['accounts'], queryFn: admin.accounts, refetchInterval: 10_000 });
  return (
    <Page title={t('nav.ledger')} lead={t('ledger.lead')}>
      <Panel>
        <Loaded query={accounts}>
          {({ items }) =>
            items.length === 0 ? (
              <Empty icon="ledger" title={t('ledger.none')} />
            ) : (
              <Table
                label={t('nav.ledger')}
                rows={items}
                keyOf={({ kind, currency }) => kind + currency}
                columns={[
                  {
                    title: t('ledger.account'),
                    cell: ({ kind }) => (
                      <>
                        <code>{kind}</code> <span className="dim">{t(`ledger.${kind}`)}</span>
                      </>
                    ),
                  },
                  {
                    title: t('ledger.balance'),
                    cell: ({ balance, currency }) => <Amount amount={balance} currency={currency} />,
                    isNumber: true,
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
