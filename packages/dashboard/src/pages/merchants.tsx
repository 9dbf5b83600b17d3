import { Button, TextInput } from '@mantine/core';
import { Link, useNavigate } from '@tanstack/react-router';
import { type ReactNode, useState } from 'react';
import { admin, newIdempotencyKey } from '../api.ts';
import { useRealTime } from '../clock.ts';
import { fieldError } from '../fieldErrors.ts';
import { useWords } from '../i18n/index.tsx';
import { List, useAction } from '../list.tsx';
import { Dialog, Empty, Failure, Form, Id, Page, Panel, Time } from '../ui.tsx';

export default function Merchants(): ReactNode {
  const { t } = useWords();
  const real = useRealTime();
  const [isCreating, setCreating] = useState(false);
  return (
    <Page
      title={t('nav.merchants')}
      actions={
        <Button size="xs" onClick={() => setCreating(true)}>
          {t('merchant.create')}
        </Button>
      }
    >
      <Panel>
        <List
          label={t('nav.merchants')}
          queryKey={['merchants']}
          load={admin.merchants}
          keyOf={({ id }) => id}
          empty={<Empty icon="merchants" title={t('merchant.none')} />}
          columns={[
            {
              title: t('name'),
              cell: ({ id, name }) => (
                <Link to="/operator/merchants/$id" params={{ id }} className="cell-text">
                  {name}
                </Link>
              ),
            },
            {
              title: t('payment.captureMode'),
              cell: ({ captureMode }) => t(`payment.captureMode.${captureMode}`),
            },
            { title: t('column.id'), cell: ({ id }) => <Id id={id} short /> },
            { title: real(t('column.created')), cell: ({ createdAt }) => <Time at={createdAt} /> },
          ]}
        />
      </Panel>
      {isCreating && <CreateMerchant close={() => setCreating(false)} />}
    </Page>
  );
}

function CreateMerchant({ close }: { readonly close: () => void }): ReactNode {
  const { t } = useWords();
  const navigate = useNavigate();
  const [name, setName] = useState('');
  const [key] = useState(newIdempotencyKey);
  const create = useAction({
    run: () => admin.createMerchant({ name: name.trim() }, key),
    done: t('saved'),
    andThen: ({ id }) => void navigate({ to: '/operator/merchants/$id', params: { id } }),
    changes: ['merchants'],
  });
  return (
    <Dialog title={t('merchant.create')} close={close}>
      <Form submit={() => name.trim() !== '' && !create.isPending && create.mutate(undefined)}>
        <TextInput
          label={t('name')}
          error={fieldError(create.error, 'name', t)}
          maxLength={255}
          data-autofocus
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        {create.error !== null && <Failure error={create.error} fields={['name']} />}
        <div className="dialog-actions">
          <Button type="submit" loading={create.isPending} disabled={name.trim() === ''}>
            {t('merchant.create')}
          </Button>
        </div>
      </Form>
    </Dialog>
  );
}
