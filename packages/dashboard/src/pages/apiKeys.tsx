import { Button, Checkbox, Group, SegmentedControl, Stack, Textarea, TextInput } from '@mantine/core';
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
  const [changing, setChanging] = useState<ApiKey | null>(null);
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
              cell: ({ scopes }) => {
                const label = labelOf(scopes);
                const text = scopes.map((scope) => t(`scope.${scope}`)).join(', ');
                return (
                  <span className="cell-text" title={text}>
                    {label === null ? text : t(label)}
                  </span>
                );
              },
            },
            {
              title: t('key.from'),
              cell: ({ allowedNetworks }) =>
                allowedNetworks === null ? (
                  t('key.anywhere')
                ) : (
                  <span className="cell-text" title={allowedNetworks.join(', ')}>
                    {allowedNetworks.join(', ')}
                  </span>
                ),
            },
            {
              title: real(t('key.lastUsed')),
              cell: ({ lastUsedAt, lastUsedAddress }) => (
                <span title={lastUsedAddress ?? ''}>
                  <Time at={lastUsedAt} />
                </span>
              ),
            },
            { title: real(t('column.created')), cell: ({ createdAt }) => <Time at={createdAt} /> },
            { title: real(t('column.expires')), cell: ({ expiresAt }) => <Time at={expiresAt} /> },
            {
              title: t('column.status'),
              cell: (key) =>
                key.revokedAt === null ? (
                  <Group gap="xs" wrap="nowrap">
                    <Button size="compact-xs" variant="default" onClick={() => setChanging(key)}>
                      {t('key.change')}
                    </Button>
                    <Button size="compact-xs" variant="default" onClick={() => setRevoking(key)}>
                      {t('key.revoke')}
                    </Button>
                  </Group>
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
      {changing !== null && <ChangeKey apiKey={changing} close={() => setChanging(null)} />}
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

type Scope = ApiKey['scopes'][number];

/** What a key may have that is to do single things only. */
const SINGLE: readonly Scope[] = [
  ...(['payments:read', 'payments:write', 'captures:write', 'cancels:write', 'refunds:write'] as const),
  ...(['links:read', 'links:write', 'customers:read', 'customers:write'] as const),
  ...(['reports:read', 'webhooks:read', 'webhooks', 'deliveries:write'] as const),
];

/** Null: single operations. */
function labelOf(scopes: ApiKey['scopes']): Key | null {
  const isAll = (wanted: readonly Scope[]): boolean =>
    wanted.length === scopes.length && wanted.every((scope) => scopes.includes(scope));
  if (isAll(CHOICES.webhooks)) return 'key.all';
  if (isAll(CHOICES.write)) return 'key.readWrite';
  return isAll(CHOICES.read) ? 'key.readOnly' : null;
}

/** One a line. @returns null for none: from anywhere */
function networksOf(text: string): string[] | null {
  const lines = text.split(/[\n,]/).map((line) => line.trim());
  const networks = lines.filter((line) => line !== '');
  return networks.length === 0 ? null : networks;
}

function Networks({
  text,
  setText,
  error,
}: {
  readonly text: string;
  readonly setText: (text: string) => void;
  readonly error: unknown;
}): ReactNode {
  const { t } = useWords();
  return (
    <Textarea
      label={t('key.networks')}
      description={t('key.networksHint')}
      error={fieldError(error, 'allowedNetworks', t)}
      rows={3}
      spellCheck={false}
      value={text}
      onChange={(event) => setText(event.currentTarget.value)}
    />
  );
}

function CreateKey({ close }: { readonly close: () => void }): ReactNode {
  const { t } = useWords();
  const [name, setName] = useState('');
  const [scope, setScope] = useState<keyof typeof CHOICES | 'single'>('write');
  const [single, setSingle] = useState<string[]>([]);
  const [networks, setNetworks] = useState('');
  const [key] = useState(newIdempotencyKey);
  const issue = useAction({
    run: () => {
      const scopes = scope === 'single' ? SINGLE.filter((one) => single.includes(one)) : [...CHOICES[scope]];
      return apiKeys.issue({ name: name.trim(), scopes, allowedNetworks: networksOf(networks) }, key);
    },
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
          onChange={(value) => setScope(value as keyof typeof CHOICES | 'single')}
          orientation="vertical"
          fullWidth
          data={[
            { value: 'read', label: t('key.readOnly') },
            { value: 'write', label: t('key.readWrite') },
            { value: 'webhooks', label: t('key.all') },
            { value: 'single', label: t('key.single') },
          ]}
        />
        {scope === 'single' && (
          <Checkbox.Group label={t('key.singleText')} value={single} onChange={setSingle}>
            <Stack gap="xs" mt="xs">
              {SINGLE.map((one) => (
                <Checkbox key={one} value={one} label={t(`scope.${one}`)} />
              ))}
            </Stack>
          </Checkbox.Group>
        )}
        <Networks text={networks} setText={setNetworks} error={issue.error} />
        {issue.error !== null && <Failure error={issue.error} fields={['name', 'allowedNetworks']} />}
        <div className="dialog-actions">
          <Button
            type="submit"
            loading={issue.isPending}
            disabled={name.trim() === '' || (scope === 'single' && single.length === 0)}
          >
            {t('key.create')}
          </Button>
        </div>
      </Form>
    </Dialog>
  );
}

function ChangeKey({ apiKey, close }: { readonly apiKey: ApiKey; readonly close: () => void }): ReactNode {
  const { t } = useWords();
  const [name, setName] = useState(apiKey.name);
  const [networks, setNetworks] = useState((apiKey.allowedNetworks ?? []).join('\n'));
  const change = useAction({
    run: () => apiKeys.update(apiKey.id, { name: name.trim(), allowedNetworks: networksOf(networks) }),
    done: t('saved'),
    andThen: close,
    changes: ['apiKeys'],
  });
  return (
    <Dialog title={t('key.changeTitle', { name: apiKey.name })} close={close}>
      <Form submit={() => name.trim() !== '' && !change.isPending && change.mutate(undefined)}>
        <TextInput
          label={t('name')}
          error={fieldError(change.error, 'name', t)}
          description={t('key.nameHint')}
          maxLength={255}
          data-autofocus
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <Networks text={networks} setText={setNetworks} error={change.error} />
        {change.error !== null && <Failure error={change.error} fields={['name', 'allowedNetworks']} />}
        <div className="dialog-actions">
          <Button type="submit" loading={change.isPending} disabled={name.trim() === ''}>
            {t('save')}
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
