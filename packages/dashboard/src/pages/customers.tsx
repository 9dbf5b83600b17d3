/** The merchant's customers: all, or those whose reference, name, e-mail address or phone number begins so. */
import { Button } from '@mantine/core';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { type ReactNode, useState } from 'react';
import { customers } from '../api.ts';
import { CustomerDialog, nameOf } from '../customerDialogs.tsx';
import { fieldError } from '../fieldErrors.ts';
import { useWords } from '../i18n/index.tsx';
import { List } from '../list.tsx';
import type { Search } from '../router.tsx';
import { SearchForm } from '../searchForm.tsx';
import { useMay } from '../session.tsx';
import { Empty, Page, Panel, Time } from '../ui.tsx';

const PAGE_SIZE = 50;

export default function Customers(): ReactNode {
  const { t } = useWords();
  const mayCreate = useMay('manager');
  const { query = '' } = useSearch({ strict: false }) as Search;
  const navigate = useNavigate();
  const [isCreating, setCreating] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const create = (
    <Button size="xs" onClick={() => setCreating(true)}>
      {t('customer.create')}
    </Button>
  );
  return (
    <Page title={t('nav.customers')} lead={t('customer.lead')} actions={mayCreate && create}>
      <SearchForm
        key={query}
        label={t('customer.find')}
        placeholder={t('customer.find')}
        value={query}
        error={fieldError(error, 'query', t)}
        find={(text) => void navigate({ to: '/customers', search: text === '' ? {} : { query: text } })}
      />
      <Panel>
        <List
          label={t('nav.customers')}
          queryKey={['customers', 'list', query]}
          load={(page) =>
            customers.list({ ...(query === '' ? {} : { query }), ...page, limit: PAGE_SIZE }).page()
          }
          keyOf={({ id }) => id}
          fields={['query']}
          onError={setError}
          empty={
            query === '' ? (
              <Empty icon="customers" title={t('customer.none')}>
                <p>{t('customer.noneHint')}</p>
                {mayCreate && create}
              </Empty>
            ) : (
              <Empty icon="search" title={t('customer.noMatch')}>
                <Link to="/customers">{t('customer.all')}</Link>
              </Empty>
            )
          }
          columns={[
            {
              title: t('customer.name'),
              cell: (customer) => (
                <Link to="/customers/$id" params={{ id: customer.id }}>
                  <span className="cell-text">{nameOf(customer, t)}</span>
                </Link>
              ),
            },
            {
              title: t('customer.reference'),
              cell: ({ reference }) => <span className="cell-text">{reference ?? '–'}</span>,
            },
            {
              title: t('customer.email'),
              cell: ({ email }) => <span className="cell-text">{email ?? '–'}</span>,
            },
            { title: t('customer.phone'), cell: ({ phone }) => phone ?? '–' },
            { title: t('column.created'), cell: ({ createdAt }) => <Time at={createdAt} /> },
          ]}
        />
      </Panel>
      {isCreating && <CustomerDialog customer={null} close={() => setCreating(false)} />}
    </Page>
  );
}
