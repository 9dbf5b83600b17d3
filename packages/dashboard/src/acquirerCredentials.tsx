/** What a merchant is known by to acquirers: it can be set, and is never shown. */
import { Button, Group, PasswordInput, Select, Stack, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { type Acquirer, type AcquirerCredentials, acquirers } from './api.ts';
import { fieldError } from './fieldErrors.ts';
import { useWords } from './i18n/index.tsx';
import { Table, useAction } from './list.tsx';
import { Dialog, Failure, Form, Loaded, Panel, Time } from './ui.tsx';

export function CredentialsPanel({ merchantId }: { readonly merchantId: string }): ReactNode {
  const { t } = useWords();
  const query = useQuery({
    queryKey: ['merchant', merchantId, 'credentials'],
    queryFn: async () => {
      const [all, kept] = await Promise.all([acquirers.list(), acquirers.credentials(merchantId)]);
      return all.items.map((acquirer) => ({
        acquirer,
        kept: kept.items.find(({ acquirerId }) => acquirerId === acquirer.id) ?? null,
      }));
    },
  });
  const [asked, setAsked] = useState<Row | null>(null);
  return (
    <Panel title={t('credentials.title')}>
      <Loaded query={query} shape="table">
        {(rows) => (
          <Table
            label={t('credentials.title')}
            rows={rows}
            keyOf={({ acquirer }) => acquirer.id}
            columns={[
              {
                title: t('acquirer.acquirer'),
                cell: ({ acquirer }) => <span className="cell-text">{acquirer.name}</span>,
              },
              { title: t('credentials.kept'), cell: ({ kept }) => <Kept kept={kept} /> },
              {
                title: t('user.actions'),
                cell: (row) => (
                  <Button
                    size="compact-xs"
                    variant="default"
                    aria-label={t('credentials.setNamed', { name: row.acquirer.name })}
                    disabled={row.acquirer.credentialNames.length === 0}
                    onClick={() => setAsked(row)}
                  >
                    {t('credentials.set')}
                  </Button>
                ),
              },
            ]}
          />
        )}
      </Loaded>
      {asked !== null && (
        <CredentialsDialog merchantId={merchantId} row={asked} close={() => setAsked(null)} />
      )}
    </Panel>
  );
}

interface Row {
  readonly acquirer: Acquirer;
  readonly kept: AcquirerCredentials | null;
}

function Kept({ kept }: Pick<Row, 'kept'>): ReactNode {
  const { t } = useWords();
  if (kept === null)
    return (
      <Text size="sm" c="dimmed">
        {t('credentials.none')}
      </Text>
    );
  return (
    <Stack gap={0} py={4}>
      <code>{kept.names.join(', ')}</code>
      <Time at={kept.updatedAt} />
    </Stack>
  );
}

interface DialogProps {
  readonly merchantId: string;
  readonly row: Row;
  readonly close: () => void;
}

type Account = 'connector' | 'same' | 'another';
const ACCOUNTS: readonly Account[] = ['connector', 'same', 'another'];

function CredentialsDialog({ merchantId, row: { acquirer, kept }, close }: DialogProps): ReactNode {
  const { t } = useWords();
  const [typed, setTyped] = useState<Readonly<Record<string, string>>>({});
  const [account, setAccount] = useState<Account>('connector');
  const given = Object.fromEntries(Object.entries(typed).filter(([, value]) => value !== ''));
  const isEmpty = Object.keys(given).length === 0;
  const save = useAction({
    run: (credentials: Readonly<Record<string, string>>) => {
      const says = account === 'connector' || Object.keys(credentials).length === 0;
      const body = { credentials, ...(says ? {} : { sameAccount: account === 'same' }) };
      return acquirers.setCredentials(merchantId, acquirer.id, body);
    },
    done: t('saved'),
    andThen: close,
    changes: ['merchant', merchantId, 'credentials'],
  });
  const paths = acquirer.credentialNames.map((name) => `credentials.${name}`);
  return (
    <Dialog title={acquirer.name} close={close}>
      <Form submit={() => !save.isPending && !isEmpty && save.mutate(given)}>
        <Text size="sm">{t('credentials.hint')}</Text>
        {acquirer.credentialNames.map((name) => (
          <PasswordInput
            key={name}
            label={name}
            autoComplete="off"
            error={fieldError(save.error, `credentials.${name}`, t)}
            value={typed[name] ?? ''}
            onChange={(event) => setTyped({ ...typed, [name]: event.currentTarget.value })}
          />
        ))}
        {kept !== null && (
          <Select
            label={t('credentials.account')}
            description={t('credentials.accountHint')}
            allowDeselect={false}
            value={account}
            onChange={(value) => setAccount((value as Account | null) ?? 'connector')}
            data={ACCOUNTS.map((value) => ({ value, label: t(`credentials.account.${value}`) }))}
          />
        )}
        {save.error !== null && <Failure error={save.error} fields={paths} />}
        <Group justify="flex-end">
          {kept !== null && (
            <Button variant="default" disabled={save.isPending} onClick={() => save.mutate({})}>
              {t('credentials.remove')}
            </Button>
          )}
          <Button type="submit" loading={save.isPending} disabled={isEmpty}>
            {t('save')}
          </Button>
        </Group>
      </Form>
    </Dialog>
  );
}
