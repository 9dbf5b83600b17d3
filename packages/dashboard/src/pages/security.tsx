/** What protects the account of whoever is signed in, and where they are signed in. */
import { Box, Button, Group, Stack, Switch, Text } from '@mantine/core';
import { useMutation, useQuery } from '@tanstack/react-query';
import { type ReactNode, useEffect, useRef, useState } from 'react';
import { type AccountSecurity, account, type SignedInSession } from '../api.ts';
import { useRealTime } from '../clock.ts';
import { deviceOf } from '../devices.ts';
import { useWords } from '../i18n/index.tsx';
import { forgetOutcome, outcomeOfProvider, providerName } from '../identityProvider.tsx';
import { List, useAction } from '../list.tsx';
import { AddPasskey, canHavePasskeys, PasskeyLine } from '../passkeys.tsx';
import { PasswordDialog } from '../passwordDialog.tsx';
import { NewRecoveryCodes, Proved, readSecurityAgain, SECURITY_KEY, SetUpApp } from '../secondFactor.tsx';
import { queryClient, useMay, useSession } from '../session.tsx';
import { Dialog, Empty, Failure, Loaded, Page, Panel, say, Time } from '../ui.tsx';

export default function Security(): ReactNode {
  const { t } = useWords();
  const { merchant } = useSession();
  const isAdmin = useMay('admin');
  const security = useQuery({ queryKey: SECURITY_KEY, queryFn: account.security });
  return (
    <Page title={t('account.security')} lead={t('security.lead')}>
      <Stack gap="md">
        <Password />
        <Loaded query={security} lines={4}>
          {(found) => (
            <Stack gap="md">
              <Factors security={found} />
              <Identity security={found} />
            </Stack>
          )}
        </Loaded>
        <Sessions />
        {merchant !== null && isAdmin && <Requirement />}
      </Stack>
    </Page>
  );
}

/** A line of a panel: what it is, and what can be done about it. */
function Row({
  title,
  text,
  children,
}: {
  readonly title?: string;
  readonly text: ReactNode;
  readonly children: ReactNode;
}): ReactNode {
  return (
    <Group justify="space-between" px="md" py="sm" gap="sm">
      <Box flex="1 1 240px">
        {title !== undefined && (
          <Text fw={600} size="sm">
            {title}
          </Text>
        )}
        <Text size="sm" component="div">
          {text}
        </Text>
      </Box>
      <Group gap="xs">{children}</Group>
    </Group>
  );
}

function Password(): ReactNode {
  const { t } = useWords();
  const [isChanging, setChanging] = useState(false);
  return (
    <Panel title={t('signIn.password')}>
      <Row text={t('security.passwordText')}>
        <Button variant="default" size="xs" onClick={() => setChanging(true)}>
          {t('account.password')}
        </Button>
      </Row>
      {isChanging && <PasswordDialog close={() => setChanging(false)} />}
    </Panel>
  );
}

function Factors({ security }: { readonly security: AccountSecurity }): ReactNode {
  const { t } = useWords();
  const [asked, setAsked] = useState<'app' | 'removal' | 'codes' | 'passkey' | null>(null);
  const { totp, passkeys, recoveryCodesLeft } = security;
  const close = (): void => {
    setAsked(null);
    readSecurityAgain();
  };
  return (
    <Panel title={t('user.secondFactor')}>
      <Row
        title={t('security.app')}
        text={
          totp === null ? (
            t('security.appOff')
          ) : (
            <>
              {t('security.appOn')} {t('security.since')}: <Time at={totp.setUpAt} />
            </>
          )
        }
      >
        <Button variant={totp === null ? 'filled' : 'default'} size="xs" onClick={() => setAsked('app')}>
          {t(totp === null ? 'security.setUp' : 'security.replace')}
        </Button>
        {totp !== null && (
          <Button variant="default" size="xs" onClick={() => setAsked('removal')}>
            {t('security.remove')}
          </Button>
        )}
      </Row>
      <Row
        title={t('passkey.title')}
        text={
          <>
            {t(canHavePasskeys ? 'passkey.text' : 'passkey.needsName')}
            {passkeys.map((passkey) => (
              <PasskeyLine key={passkey.id} passkey={passkey} />
            ))}
          </>
        }
      >
        {canHavePasskeys && (
          <Button variant="default" size="xs" onClick={() => setAsked('passkey')}>
            {t('passkey.add')}
          </Button>
        )}
      </Row>
      {(totp !== null || passkeys.length > 0) && (
        <Row title={t('security.codes')} text={t('security.codesLeft', { count: recoveryCodesLeft })}>
          <Button variant="default" size="xs" onClick={() => setAsked('codes')}>
            {t('security.newCodes')}
          </Button>
        </Row>
      )}
      {asked === 'app' && (
        <Dialog title={t('security.app')} close={close} isOnce>
          <SetUpApp done={close} />
        </Dialog>
      )}
      {asked === 'removal' && (
        <Dialog title={t('security.app')} close={close}>
          <Proved
            action={t('security.remove')}
            text={t('security.removeText')}
            isDangerous
            run={account.removeTotp}
            then={() => {
              say(t('security.removed'));
              close();
            }}
          />
        </Dialog>
      )}
      {asked === 'passkey' && <AddPasskey close={close} />}
      {asked === 'codes' && <NewRecoveryCodes close={close} />}
    </Panel>
  );
}

/** Who somebody is at the identity provider; nothing where there is none. */
function Identity({ security: { identity } }: { readonly security: AccountSecurity }): ReactNode {
  const { t } = useWords();
  const [isAsked, setAsked] = useState(false);
  const confirm = useMutation({
    mutationFn: account.confirmOidcLink,
    onSuccess: () => {
      say(t('identity.linked'));
      readSecurityAgain();
    },
  });
  const hasBegun = useRef(false);
  useEffect(() => {
    if (hasBegun.current || outcomeOfProvider() !== 'link') return;
    hasBegun.current = true;
    forgetOutcome();
    confirm.mutate();
  }, [confirm]);
  if (providerName === null && identity === null) return null;
  const title = t('signIn.provider', { name: providerName ?? new URL(identity?.issuer ?? '').host });
  const isLinked = identity !== null;
  return (
    <Panel title={title}>
      {confirm.error !== null && <Failure error={confirm.error} />}
      <Row
        text={
          isLinked ? (
            <>
              {t('identity.on')} {t('security.since')}: <Time at={identity.linkedAt} />.{' '}
              {t('security.lastUsed')}: <Time at={identity.lastUsedAt} />
            </>
          ) : (
            t('identity.off')
          )
        }
      >
        <Button variant="default" size="xs" onClick={() => setAsked(true)}>
          {t(isLinked ? 'identity.unlink' : 'identity.link')}
        </Button>
      </Row>
      {isAsked && (
        <Dialog title={title} close={() => setAsked(false)}>
          {isLinked ? (
            <Proved
              action={t('identity.unlink')}
              text={t('identity.unlinkText')}
              isDangerous
              run={account.unlinkOidc}
              then={() => {
                say(t('identity.unlinked'));
                setAsked(false);
                readSecurityAgain();
              }}
            />
          ) : (
            <Proved
              action={t('identity.link')}
              text={t('identity.off')}
              run={account.beginOidcLink}
              then={({ url }) => location.assign(url)}
            />
          )}
        </Dialog>
      )}
    </Panel>
  );
}

function useDeviceName(): (userAgent: string | null) => string {
  const { t } = useWords();
  return (userAgent) => {
    const device = deviceOf(userAgent);
    return device === null ? t('security.unknownDevice') : t('security.deviceOn', device);
  };
}

function Sessions(): ReactNode {
  const { t } = useWords();
  const real = useRealTime();
  const nameOf = useDeviceName();
  const end = useAction({
    run: ({ id }: SignedInSession) => account.endSession(id),
    done: t('security.ended'),
    changes: ['account', 'sessions'],
  });
  const endOthers = useAction({
    run: account.endOtherSessions,
    done: t('security.ended'),
    changes: ['account', 'sessions'],
  });
  const error = end.error ?? endOthers.error;
  return (
    <Panel
      title={t('security.sessions')}
      actions={
        <Button
          variant="default"
          size="xs"
          loading={endOthers.isPending}
          onClick={() => endOthers.mutate(undefined)}
        >
          {t('security.endOthers')}
        </Button>
      }
    >
      {error !== null && <Failure error={error} />}
      <List
        label={t('security.sessions')}
        queryKey={['account', 'sessions']}
        load={account.sessions}
        keyOf={({ id }) => id}
        empty={<Empty icon="users" title={t('none')} />}
        columns={[
          {
            title: t('security.device'),
            cell: ({ userAgent, signedInBy }) => (
              <>
                <span className="cell-text" title={userAgent ?? ''}>
                  {nameOf(userAgent)}
                </span>
                {signedInBy !== null && (
                  <Text size="xs" className="dim">
                    {t(`signedInBy.${signedInBy}`)}
                  </Text>
                )}
              </>
            ),
          },
          {
            title: t('security.address'),
            cell: ({ lastUsedAddress, address }) => lastUsedAddress ?? address ?? '–',
          },
          { title: real(t('security.began')), cell: ({ createdAt }) => <Time at={createdAt} /> },
          { title: real(t('security.lastUsed')), cell: ({ lastUsedAt }) => <Time at={lastUsedAt} /> },
          {
            title: t('user.actions'),
            cell: (session) =>
              session.isThisOne ? (
                <span className="dim">{t('security.thisOne')}</span>
              ) : (
                <Button
                  size="compact-xs"
                  variant="default"
                  aria-label={t('security.endOf', { device: nameOf(session.userAgent) })}
                  onClick={() => end.mutate(session)}
                >
                  {t('security.end')}
                </Button>
              ),
          },
        ]}
      />
    </Panel>
  );
}

const SETTINGS_KEY = ['account', 'settings'] as const;

/** What an admin asks of all users of the merchant. */
function Requirement(): ReactNode {
  const { t } = useWords();
  const settings = useQuery({ queryKey: SETTINGS_KEY, queryFn: account.signInSettings });
  const change = useMutation({
    mutationFn: account.requireSecondFactor,
    onSuccess: (changed) => {
      queryClient.setQueryData(SETTINGS_KEY, changed);
      // Whoever has none is led to it.
      void queryClient.invalidateQueries({ queryKey: ['session'] });
      readSecurityAgain();
      say(t('saved'));
    },
  });
  return (
    <Panel title={t('security.requireTitle')}>
      <Loaded query={settings} lines={1}>
        {({ requireSecondFactor }) => (
          <Box px="md" py="sm">
            <Switch
              label={t('security.require')}
              description={t('security.requireText')}
              checked={requireSecondFactor}
              disabled={change.isPending}
              onChange={(event) => change.mutate(event.currentTarget.checked)}
            />
            {change.error !== null && <Failure error={change.error} />}
          </Box>
        )}
      </Loaded>
    </Panel>
  );
}
