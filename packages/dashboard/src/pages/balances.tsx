import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { balances } from '../api.ts';
import { useWords } from '../i18n/index.tsx';
import { Statement } from '../statement.tsx';
import { Amount, Empty, Loaded, Page, Panel } from '../ui.tsx';

/** What the merchant has, by currency, and every move of it. */
export default function Balances(): ReactNode {
  const { t } = useWords();
  const query = useQuery({ queryKey: ['balances'], queryFn: balances.list });
  return (
    <Page title={t('nav.balances')} lead={t('balances.lead')}>
      <Loaded query={query} shape="details">
        {({ items }) =>
          items.length === 0 ? (
            <Empty icon="ledger" title={t('wallet.noStatement')} />
          ) : (
            <div className="column">
              {items.map(({ currency, balance }) => (
                <Panel
                  key={currency}
                  title={currency}
                  actions={<Amount amount={balance} currency={currency} strong />}
                >
                  <Statement
                    queryKey={['balances', currency, 'statement']}
                    load={(page) => balances.statement(currency, page)}
                    currency={currency}
                  />
                </Panel>
              ))}
            </div>
          )
        }
      </Loaded>
    </Page>
  );
}
