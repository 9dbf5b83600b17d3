import { Button, SegmentedControl, TextInput } from '@mantine/core';
import { type ReactNode, useState } from 'react';
import { type ApiKey, apiKeys, newIdempotencyKey } from '../api.ts';
import { useRealTime } from '../clock.ts';
import { fieldError } from '../fieldErrors.ts';
import { type Key, useWords } from '../i18n/index.tsx';
import { List, useAction } from '../list.tsx';
import { Secret } from '../secret.tsx';
import { useMay } from '../session.tsx';
import { Confirm, Dialog, Empty, Failure, Form, NotAllowed, Page, Panel, Time } from '../ui.tsx';

export default function ApiKeys(): ReactNode {
  const { t } = useWords();
  const real = useRealTime();
  const mayChange = useMay('admin');
  const [isCreating, setCreating] = useState(false);
  const [revoking, setRevoking] = useState<ApiKey | null>(null);
  if (!mayChange) return <NotAllowed title={t('nav.apiKeys')} />;
  return (
    <Page
      title={t('nav.apiKeys')}
      lead={t('key.lead')}
      actions={
        <Button size="xs" onClick={() => setCreating(true)}>
          {t('key.create')}
        </Button>
      }
    >
      <Panel>
        <List
          label={t('nav.apiKeys')}
          queryKey={['apiKeys']}
          load={apiKeys.list}
          keyOf={({ id }) => id}
          empty={<Empty icon="key" title={t('key.none')} />}
          columns={[
            { title: t('name'), cell: ({ name }) => <span className="cell-text">{name}</span> },
            { title: t('key.hint'), cell: ({ hint }) => <code>…{hint}</code> },
            {
              title: t('key.scopes'),
              cell: ({ scopes }) => t(labelOf(scopes)),
            },
            { title: real(t('column.created')), cell: ({ createdAt }) => <Time at={createdAt} /> },
            { title: real(t('column.expires')), cell: ({ expiresAt }) => <Time at={expiresAt} /> },
            {
              title: t('column.status'),
              cell: (key) =>
                key.revokedAt === null ? (
                  <Button size="compact-xs" variant="default" onClick={() => setRevoking(key)}>
                    {t('key.revoke')}
                  </Button>
                ) : (
                  <span className="dim">
                    {t('key.revoked')} <Time at={key.revokedAt} /> {real('')}
                  </span>
                ),
            },
          ]}
        />
      </Panel>
      {isCreating && <CreateKey close={() => setCreating(false)} />}
      {revoking !== null && <RevokeKey apiKey={revoking} close={() => setRevoking(null)} />}
    </Page>
  );
}

/** What a key may be made to do. */
const CHOICES = {
  webhooks: ['read', 'write', 'webhooks'],
  write: ['read', 'write'],
  read: ['read'],
} as const;

function labelOf(scopes: ApiKey['scopes']): Key {
  if (scopes.includes('webhooks')) return 'key.all';
  return scopes.includes('write') ? 'key.readWrite' : 'key.readOnly';
}

function CreateKey({ close }: { readonly close: () => void }): ReactNode {
  const { t } = useWords();
  const [name, setName] = useState('');
  const [scope, setScope] = useState<keyof typeof CHOICES>('write');
  const [key] = useState(newIdempotencyKey);
  const issue = useAction({
    run: () => apiKeys.issue({ name: name.trim(), scopes: [...CHOICES[scope]] }, key),
    changes: ['apiKeys'],
  });
  if (issue.data !== undefined) {
    return (
      <Dialog title={t('key.created')} close={close} isOnce>
        <Secret label={t('key.hint')} text={issue.data.apiKey} hint={t('key.secretHint')} close={close} />
      </Dialog>
    );
  }
  return (
    <Dialog title={t('key.create')} close={close}>
      <Form submit={() => name.trim() !== '' && !issue.isPending && issue.mutate(undefined)}>
        <TextInput
          label={t('name')}
          error={fieldError(issue.error, 'name', t)}
          description={t('key.nameHint')}
          maxLength={255}
          data-autofocus
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <SegmentedControl
          aria-label={t('key.scopes')}
          value={scope}
          onChange={(value) => setScope(value as keyof typeof CHOICES)}
          data={[
            { value: 'webhooks', label: t('key.all') },
            { value: 'write', label: t('key.readWrite') },
            { value: 'read', label: t('key.readOnly') },
          ]}
        />
        {issue.error !== null && <Failure error={issue.error} fields={['name']} />}
        <div className="dialog-actions">
          <Button type="submit" loading={issue.isPending} disabled={name.trim() === ''}>
            {t('key.create')}
          </Button>
        </div>
      </Form>
    </Dialog>
  );
}

function RevokeKey({ apiKey, close }: { readonly apiKey: ApiKey; readonly close: () => void }): ReactNode {
  const { t } = useWords();
  const revoke = useAction({
    run: () => apiKeys.revoke(apiKey.id),
    done: t('key.revoked'),
    andThen: close,
    changes: ['apiKeys'],
  });
  return (
    <Dialog title={t('key.revokeTitle', { name: apiKey.name })} close={close}>
      <Confirm
        text={t('key.revokeText')}
        action={t('key.revoke')}
        error={revoke.error}
        isRunning={revoke.isPending}
        run={() => revoke.mutate(undefined)}
      />
    </Dialog>
  );
}
