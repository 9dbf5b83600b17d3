import { Button, Menu, SegmentedControl, TextInput } from '@mantine/core';
import { type ReactNode, useState } from 'react';
import { newIdempotencyKey, type Role, type User, usersAt } from '../api.ts';
import { useRealTime } from '../clock.ts';
import { fieldError } from '../fieldErrors.ts';
import { useWords } from '../i18n/index.tsx';
import { List, useAction } from '../list.tsx';
import { Secret } from '../secret.tsx';
import { useMay, useSession } from '../session.tsx';
import { Confirm, Dialog, Empty, Failure, Form, NotAllowed, Page, Panel, Time } from '../ui.tsx';

type MerchantRole = Exclude<Role, 'operator'>;
const ROLES: readonly MerchantRole[] = ['viewer', 'manager', 'admin'];

/** What is asked for before it is done. */
type Question = 'remove' | 'reset' | 'resetSecondFactor' | 'unlinkIdentity' | 'role';

/** Who may sign in: a merchant's users, or the operators. */
export default function Users(): ReactNode {
  const { t } = useWords();
  const real = useRealTime();
  const { merchant, user: own } = useSession();
  const users = usersAt(merchant === null ? '/v1/admin/users' : '/v1/users');
  const mayChange = useMay('admin');
  const [isCreating, setCreating] = useState(false);
  const [asked, setAsked] = useState<{ user: User; what: Question } | null>(null);
  const disable = useAction({
    run: ({ id, disabled }: User) => users.update(id, { disabled: !disabled }),
    done: t('saved'),
    changes: ['users'],
  });
  if (!mayChange) return <NotAllowed title={t('nav.users')} />;
  return (
    <Page
      title={t('nav.users')}
      lead={merchant !== null && t('user.lead')}
      actions={
        <Button size="xs" onClick={() => setCreating(true)}>
          {t('user.create')}
        </Button>
      }
    >
      {disable.error !== null && <Failure error={disable.error} />}
      <Panel>
        <List
          label={t('nav.users')}
          queryKey={['users']}
          load={users.list}
          keyOf={({ id }) => id}
          empty={<Empty icon="users" title={t('user.none')} />}
          columns={[
            { title: t('user.name'), cell: ({ name }) => <span className="cell-text">{name}</span> },
            { title: t('signIn.email'), cell: ({ email }) => email },
            { title: t('user.role'), cell: ({ role }) => t(`role.${role}`) },
            {
              title: t('user.secondFactor'),
              cell: ({ hasSecondFactor }) =>
                hasSecondFactor ? t('user.secondFactorOn') : <span className="dim">–</span>,
            },
            { title: real(t('user.lastSignIn')), cell: ({ lastSignInAt }) => <Time at={lastSignInAt} /> },
            {
              title: t('column.status'),
              cell: ({ disabled }) => (
                <span className={`status status-plain status-${disabled ? 'red' : 'green'}`}>
                  {t(disabled ? 'user.disabled' : 'user.enabled')}
                </span>
              ),
            },
            {
              title: t('user.actions'),
              cell: (user) =>
                user.id === own.id ? (
                  <span className="dim">{t('user.you')}</span>
                ) : (
                  <Actions
                    user={user}
                    ask={(what) => setAsked({ user, what })}
                    disable={() => disable.mutate(user)}
                  />
                ),
            },
          ]}
        />
      </Panel>
      {isCreating && (
        <CreateUser users={users} hasRoles={merchant !== null} close={() => setCreating(false)} />
      )}
      {asked?.what === 'remove' && (
        <RemoveUser users={users} user={asked.user} close={() => setAsked(null)} />
      )}
      {asked?.what === 'reset' && (
        <ResetPassword users={users} user={asked.user} close={() => setAsked(null)} />
      )}
      {asked?.what === 'resetSecondFactor' && (
        <TakeAway
          run={users.resetSecondFactor}
          action={t('user.resetSecondFactor')}
          text={t('user.resetSecondFactorText')}
          user={asked.user}
          close={() => setAsked(null)}
        />
      )}
      {asked?.what === 'unlinkIdentity' && (
        <TakeAway
          run={users.unlinkIdentity}
          action={t('user.unlinkIdentity')}
          text={t('user.unlinkIdentityText')}
          user={asked.user}
          close={() => setAsked(null)}
        />
      )}
      {asked?.what === 'role' && <ChangeRole users={users} user={asked.user} close={() => setAsked(null)} />}
    </Page>
  );
}

interface ActionsProps {
  readonly user: User;
  readonly ask: (what: Question) => void;
  readonly disable: () => void;
}

/** What can be done with a user. */
function Actions({ user, ask, disable }: ActionsProps): ReactNode {
  const { t } = useWords();
  const { merchant } = useSession();
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <Button size="compact-xs" variant="default" aria-label={t('user.change', { name: user.name })}>
          {t('user.actions')}
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        {merchant !== null && <Menu.Item onClick={() => ask('role')}>{t('user.changeRole')}</Menu.Item>}
        <Menu.Item onClick={() => ask('reset')}>{t('user.reset')}</Menu.Item>
        {user.hasSecondFactor && (
          <Menu.Item onClick={() => ask('resetSecondFactor')}>{t('user.resetSecondFactor')}</Menu.Item>
        )}
        {user.hasIdentity && (
          <Menu.Item onClick={() => ask('unlinkIdentity')}>{t('user.unlinkIdentity')}</Menu.Item>
        )}
        <Menu.Item onClick={disable}>{t(user.disabled ? 'user.enable' : 'user.disable')}</Menu.Item>
        <Menu.Item onClick={() => ask('remove')}>{t('user.remove')}</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

interface DialogProps {
  readonly users: ReturnType<typeof usersAt>;
  readonly close: () => void;
}

interface UserDialogProps extends DialogProps {
  readonly user: User;
}

function RoleChoice({
  role,
  choose,
}: {
  role: MerchantRole;
  choose: (role: MerchantRole) => void;
}): ReactNode {
  const { t } = useWords();
  return (
    <div>
      <p className="label">{t('user.role')}</p>
      <SegmentedControl
        fullWidth
        aria-label={t('user.role')}
        value={role}
        onChange={(value) => choose(value as MerchantRole)}
        data={ROLES.map((value) => ({ value, label: t(`role.${value}`) }))}
      />
      <p className="hint">{t(`user.${role}`)}</p>
    </div>
  );
}

function CreateUser({ users, hasRoles, close }: DialogProps & { readonly hasRoles: boolean }): ReactNode {
  const { t } = useWords();
  const [name, setName] = useState('');
  const [email, setEmail] = useState('');
  const [role, setRole] = useState<MerchantRole>('viewer');
  const [key] = useState(newIdempotencyKey);
  const create = useAction({
    run: () => users.create({ name: name.trim(), email: email.trim(), ...(hasRoles ? { role } : {}) }, key),
    changes: ['users'],
  });
  if (create.data !== undefined) {
    return (
      <Dialog title={t('user.created')} close={close} isOnce>
        <Secret
          label={t('signIn.password')}
          text={create.data.password}
          hint={t('user.passwordHint')}
          close={close}
        />
      </Dialog>
    );
  }
  return (
    <Dialog title={t('user.create')} close={close}>
      <Form submit={() => !create.isPending && create.mutate(undefined)}>
        <TextInput
          label={t('user.name')}
          error={fieldError(create.error, 'name', t)}
          maxLength={255}
          data-autofocus
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <TextInput
          label={t('signIn.email')}
          error={fieldError(create.error, 'email', t)}
          type="email"
          value={email}
          onChange={(event) => setEmail(event.currentTarget.value)}
        />
        {hasRoles && <RoleChoice role={role} choose={setRole} />}
        {create.error !== null && <Failure error={create.error} fields={['name', 'email']} />}
        <div className="dialog-actions">
          <Button
            type="submit"
            loading={create.isPending}
            disabled={name.trim() === '' || email.trim() === ''}
          >
            {t('user.create')}
          </Button>
        </div>
      </Form>
    </Dialog>
  );
}

function ChangeRole({ users, user, close }: UserDialogProps): ReactNode {
  const { t } = useWords();
  const [role, setRole] = useState(user.role as MerchantRole);
  const change = useAction({
    run: () => users.update(user.id, { role }),
    done: t('saved'),
    andThen: close,
    changes: ['users'],
  });
  return (
    <Dialog title={user.name} close={close}>
      <Form submit={() => !change.isPending && change.mutate(undefined)}>
        <RoleChoice role={role} choose={setRole} />
        {change.error !== null && <Failure error={change.error} />}
        <div className="dialog-actions">
          <Button type="submit" loading={change.isPending}>
            {t('save')}
          </Button>
        </div>
      </Form>
    </Dialog>
  );
}

function RemoveUser({ users, user, close }: UserDialogProps): ReactNode {
  const { t } = useWords();
  const remove = useAction({
    run: () => users.remove(user.id),
    done: t('user.removed'),
    andThen: close,
    changes: ['users'],
  });
  return (
    <Dialog title={user.name} close={close}>
      <Confirm
        text={t('user.removeText')}
        action={t('user.remove')}
        error={remove.error}
        isRunning={remove.isPending}
        run={() => remove.mutate(undefined)}
      />
    </Dialog>
  );
}

function ResetPassword({ users, user, close }: UserDialogProps): ReactNode {
  const { t } = useWords();
  const reset = useAction({ run: () => users.resetPassword(user.id), changes: ['users'] });
  return (
    <Dialog title={user.name} close={close} isOnce={reset.data !== undefined}>
      {reset.data === undefined ? (
        <Confirm
          text={t('user.resetText')}
          action={t('user.reset')}
          error={reset.error}
          isRunning={reset.isPending}
          run={() => reset.mutate(undefined)}
        />
      ) : (
        <Secret
          label={t('signIn.password')}
          text={reset.data.password}
          hint={t('user.passwordHint')}
          close={close}
        />
      )}
    </Dialog>
  );
}

interface TakeAwayProps extends Pick<UserDialogProps, 'user' | 'close'> {
  readonly run: (id: string) => Promise<User>;
  readonly action: string;
  readonly text: string;
}

/** Takes what somebody signs in with, who has lost it. */
function TakeAway({ run, action, text, user, close }: TakeAwayProps): ReactNode {
  const { t } = useWords();
  const take = useAction({
    run: () => run(user.id),
    done: t('saved'),
    andThen: close,
    changes: ['users'],
  });
  return (
    <Dialog title={user.name} close={close}>
      <Confirm
        text={text}
        action={action}
        error={take.error}
        isRunning={take.isPending}
        run={() => take.mutate(undefined)}
      />
    </Dialog>
  );
}
