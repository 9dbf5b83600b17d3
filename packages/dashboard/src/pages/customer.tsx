/** One customer: who it is, what they paid, and what can be done about their data. */
import { Alert, Button, Paper, SimpleGrid, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link, useParams } from '@tanstack/react-router';
import { type ReactNode, useState } from 'react';
import { type Customer, customers } from '../api.ts';
import { CustomerCards } from '../customerCards.tsx';
import { CustomerDialog, EraseCustomerDialog, nameOf } from '../customerDialogs.tsx';
import { useWords } from '../i18n/index.tsx';
import { useMay } from '../session.tsx';
import { TransactionTable } from '../transactionTable.tsx';
import { Amount, Facts, Id, Loaded, Page, Panel, Time } from '../ui.tsx';

/** The newest ones; the list of all payments has the rest. */
const SHOWN_PAYMENTS = 20;

export default function CustomerPage(): ReactNode {
  const { id = '' } = useParams({ strict: false });
  const query = useQuery({ queryKey: ['customers', id], queryFn: () => customers.get(id) });
  return (
    <Loaded query={query} shape="details">
      {(customer) => <Whole customer={customer} />}
    </Loaded>
  );
}

interface Props {
  readonly customer: Customer;
}

function Whole({ customer }: Props): ReactNode {
  const { t } = useWords();
  const { id, erasedAt } = customer;
  return (
    <Page title={nameOf(customer, t)} lead={<Id id={id} short />} actions={<Actions customer={customer} />}>
      {erasedAt !== null && (
        <Alert color="gray" variant="light" mb="md">
          {t('customer.erasedNote')} <Time at={erasedAt} show="full" />
        </Alert>
      )}
      <Totals id={id} />
      <div className="two-columns">
        <div className="column">
          <Panel
            title={t('customer.payments')}
            actions={
              <Link to="/transactions" search={{ customerId: id }}>
                {t('customer.allPayments')}
              </Link>
            }
          >
            <Payments id={id} />
          </Panel>
          {erasedAt === null && (
            <Panel title={t('card.title')}>
              <CustomerCards customerId={id} />
            </Panel>
          )}
        </div>
        {erasedAt === null && (
          <Panel title={t('customer.profile')} className="panel-top">
            <Profile customer={customer} />
          </Panel>
        )}
      </div>
    </Page>
  );
}

function Actions({ customer }: Props): ReactNode {
  const { t } = useWords();
  const mayChange = useMay('manager');
  const mayErase = useMay('admin');
  const [asked, setAsked] = useState<'edit' | 'erase' | null>(null);
  const isThere = customer.erasedAt === null;
  if (!mayChange) return null;
  const close = (): void => setAsked(null);
  return (
    <>
      <Button
        size="xs"
        variant="default"
        component="a"
        href={`/v1/customers/${customer.id}/export`}
        download={`customer-${customer.id}.json`}
      >
        {t('customer.export')}
      </Button>
      {isThere && (
        <Button size="xs" variant="default" onClick={() => setAsked('edit')}>
          {t('customer.edit')}
        </Button>
      )}
      {isThere && mayErase && (
        <Button size="xs" variant="default" onClick={() => setAsked('erase')}>
          {t('customer.erase')}
        </Button>
      )}
      {asked === 'edit' && <CustomerDialog customer={customer} close={close} />}
      {asked === 'erase' && <EraseCustomerDialog customer={customer} close={close} />}
    </>
  );
}

/** A currency each; nothing before anything was captured. */
function Totals({ id }: Pick<Customer, 'id'>): ReactNode {
  const { t } = useWords();
  const totals = useQuery({
    queryKey: ['transactions', 'totals', id],
    queryFn: () => customers.totals(id).page(),
  });
  if (totals.data === undefined || totals.data.items.length === 0) return null;
  return (
    <section aria-label={t('customer.totals')}>
      <SimpleGrid cols={{ base: 1, xs: 2, sm: 4 }} spacing="sm" mb="md">
        {totals.data.items.flatMap(({ currency, spent, refunded }) =>
          (
            [
              ['spent', spent],
              ['refunded', refunded],
            ] as const
          ).map(([what, amount]) => (
            <Paper key={`${currency} ${what}`} withBorder p="sm">
              <Text size="sm" c="dimmed">
                {t(`customer.${what}`)}
              </Text>
              <Text fz={18} fw={600}>
                <Amount amount={amount} currency={currency} />
              </Text>
            </Paper>
          )),
        )}
      </SimpleGrid>
    </section>
  );
}

function Payments({ id }: Pick<Customer, 'id'>): ReactNode {
  const { t } = useWords();
  const list = useQuery({
    queryKey: ['transactions', 'customer', id],
    queryFn: () => customers.transactions(id, { limit: SHOWN_PAYMENTS }).page(),
  });
  return (
    <Loaded query={list} shape="table" lines={3}>
      {({ items }) =>
        items.length === 0 ? (
          <p className="panel-note">{t('customer.noPayments')}</p>
        ) : (
          <TransactionTable
            rows={items}
            columns={['amount', 'status', 'method', 'type', 'order', 'created']}
            label={t('customer.payments')}
          />
        )
      }
    </Loaded>
  );
}

function Profile({ customer }: Props): ReactNode {
  const { t } = useWords();
  const { reference, name, email, phone, locale, metadata, createdAt, updatedAt } = customer;
  const items: readonly (readonly [string, ReactNode])[] = [
    [t('customer.name'), name],
    [t('customer.reference'), reference],
    [t('customer.email'), email],
    [t('customer.phone'), phone],
    [t('customer.locale'), locale],
    ...Object.entries(metadata).map(
      ([key, value]) =>
        [key, <code key={key}>{typeof value === 'string' ? value : JSON.stringify(value)}</code>] as const,
    ),
    [t('column.created'), <Time key="created" at={createdAt} show="full" />],
    [t('column.updated'), <Time key="updated" at={updatedAt} show="full" />],
  ];
  return <Facts items={items.filter(([, value]) => value !== null)} />;
}
