import { Button, TextInput } from '@mantine/core';
import { Link, useNavigate } from '@tanstack/react-router';
import { type ReactNode, useState } from 'react';
import { admin, newIdempotencyKey } from '../api.ts';
import { useRealTime } from '../clock.ts';
import { fieldError } from '../fieldErrors.ts';
import { useWords } from '../i18n/index.tsx';
import { List, useAction } from '../list.tsx';
import { Dialog, Empty, Failure, Form, Id, Page, Panel, Time } from '../ui.tsx';

export default function WalletHolders(): ReactNode {
  const { t } = useWords();
  const real = useRealTime();
  const [isCreating, setCreating] = useState(false);
  const [text, setText] = useState('');
  const [phoneNumber, setPhoneNumber] = useState('');
  const [error, setError] = useState<unknown>(null);
  return (
    <Page
      title={t('nav.walletHolders')}
      actions={
        <Button size="xs" onClick={() => setCreating(true)}>
          {t('holder.create')}
        </Button>
      }
    >
      <form
        className="find"
        onSubmit={(event) => {
          event.preventDefault();
          setPhoneNumber(text.trim());
        }}
      >
        <TextInput
          size="xs"
          type="search"
          aria-label={t('sandbox.phone')}
          placeholder={t('holder.find')}
          error={fieldError(error, 'phoneNumber', t)}
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
        />
        <Button size="xs" variant="default" type="submit">
          {t('find')}
        </Button>
      </form>
      <Panel>
        <List
          label={t('nav.walletHolders')}
          queryKey={['walletHolders', phoneNumber]}
          load={(query) => admin.walletHolders(phoneNumber === '' ? query : { ...query, phoneNumber })}
          keyOf={({ id }) => id}
          fields={['phoneNumber']}
          onError={setError}
          empty={<Empty icon="customers" title={t('holder.none')} />}
          columns={[
            {
              title: t('sandbox.phone'),
              cell: ({ id, phoneNumber: phone }) => (
                <Link to="/operator/wallet-holders/$id" params={{ id }}>
                  {phone}
                </Link>
              ),
            },
            { title: t('sandbox.iin'), cell: ({ iinLast4 }) => <code>•••• {iinLast4}</code> },
            { title: t('column.id'), cell: ({ id }) => <Id id={id} short /> },
            { title: real(t('column.created')), cell: ({ createdAt }) => <Time at={createdAt} /> },
          ]}
        />
      </Panel>
      {isCreating && <CreateWalletHolder close={() => setCreating(false)} />}
    </Page>
  );
}

function CreateWalletHolder({ close }: { readonly close: () => void }): ReactNode {
  const { t } = useWords();
  const navigate = useNavigate();
  const [phoneNumber, setPhoneNumber] = useState('');
  const [iin, setIin] = useState('');
  const [key] = useState(newIdempotencyKey);
  const create = useAction({
    run: () => admin.createWalletHolder({ phoneNumber, iin }, key),
    done: t('saved'),
    andThen: ({ id }) => void navigate({ to: '/operator/wallet-holders/$id', params: { id } }),
    changes: ['walletHolders'],
  });
  return (
    <Dialog title={t('holder.create')} close={close}>
      <Form submit={() => !create.isPending && create.mutate(undefined)}>
        <TextInput
          label={t('sandbox.phone')}
          error={fieldError(create.error, 'phoneNumber', t)}
          type="tel"
          data-autofocus
          value={phoneNumber}
          onChange={(event) => setPhoneNumber(event.currentTarget.value)}
        />
        <TextInput
          label={t('sandbox.iin')}
          error={fieldError(create.error, 'iin', t)}
          inputMode="numeric"
          maxLength={12}
          value={iin}
          onChange={(event) => setIin(event.currentTarget.value)}
        />
        {create.error !== null && <Failure error={create.error} fields={['phoneNumber', 'iin']} />}
        <div className="dialog-actions">
          <Button type="submit" loading={create.isPending}>
            {t('holder.create')}
          </Button>
        </div>
      </Form>
    </Dialog>
  );
}
