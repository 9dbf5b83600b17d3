/** Passkeys: a device of the user's signs what the server asks. */
import { Button, Group, Text, TextInput } from '@mantine/core';
import type {
  PublicKeyCredentialCreationOptionsJSON,
  PublicKeyCredentialRequestOptionsJSON,
} from '@simplewebauthn/browser';
import { useMutation } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { account, type Passkey, type Session, session } from './api.ts';
import { fieldError } from './fieldErrors.ts';
import { type Key, useWords } from './i18n/index.tsx';
import { useAction } from './list.tsx';
import { Proved, RecoveryCodes, readSecurityAgain } from './secondFactor.tsx';
import { Dialog, Failure, Form, say, Time } from './ui.tsx';

/** Loaded with its first use: most people sign in by password. */
const load = () => import('@simplewebauthn/browser');

/** Browsers have passkeys for names only, and not for all pages. */
export const canHavePasskeys = 'PublicKeyCredential' in window && !/^[\d.]+$|^\[/.test(location.hostname);

/** Why the browser has signed nothing, in words; null: it is for the server to say. */
function keyOfBrowserError(error: unknown): Key | null {
  if (!(error instanceof Error)) return null;
  if (error.name === 'NotAllowedError' || error.name === 'AbortError') return 'passkey.cancelled';
  return error.name === 'InvalidStateError' ? 'passkey.alreadyThere' : null;
}

/** What went wrong with a passkey, in the browser or at the server. */
export function PasskeyFailure({
  error,
  fields = [],
}: {
  readonly error: Error;
  readonly fields?: string[];
}): ReactNode {
  const { t } = useWords();
  const key = keyOfBrowserError(error);
  if (key === null) return <Failure error={error} fields={fields} />;
  return (
    <Text size="sm" role="alert">
      {t(key)}
    </Text>
  );
}

/** Signs in with a passkey that the browser has for this page. */
export async function signInWithPasskey(): Promise<Session> {
  const { startAuthentication } = await load();
  const { options } = await session.beginPasskey();
  const response = await startAuthentication({
    optionsJSON: options as unknown as PublicKeyCredentialRequestOptionsJSON,
  });
  return session.signInWithPasskey({ response });
}

function NameField({
  name,
  setName,
  error,
}: {
  readonly name: string;
  readonly setName: (name: string) => void;
  readonly error: unknown;
}): ReactNode {
  const { t } = useWords();
  return (
    <TextInput
      label={t('passkey.name')}
      description={t('passkey.nameHint')}
      error={fieldError(error, 'name', t)}
      maxLength={255}
      data-autofocus
      value={name}
      onChange={(event) => setName(event.currentTarget.value)}
    />
  );
}

/** @param close hears that it is over; there may be recovery codes to be shown first */
export function AddPasskey({ close }: { readonly close: () => void }): ReactNode {
  const { t } = useWords();
  const [name, setName] = useState('');
  const [options, setOptions] = useState<PublicKeyCredentialCreationOptionsJSON | null>(null);
  const add = useMutation({
    mutationFn: async (optionsJSON: PublicKeyCredentialCreationOptionsJSON) => {
      const { startRegistration } = await load();
      const response = await startRegistration({ optionsJSON });
      return account.addPasskey({ name: name.trim(), response });
    },
    onSuccess: ({ recoveryCodes }) => {
      say(t('passkey.added'));
      if (recoveryCodes === null) close();
    },
    // What was given to be signed is good once only.
    onError: () => setOptions(null),
  });
  const codes = add.data?.recoveryCodes ?? null;
  return (
    <Dialog title={t('passkey.add')} close={close} isOnce={codes !== null}>
      {codes !== null ? (
        <RecoveryCodes codes={codes} close={close} />
      ) : (
        <>
          <NameField name={name} setName={setName} error={add.error} />
          {add.error !== null && <PasskeyFailure error={add.error} fields={['name']} />}
          <Proved
            action={t('passkey.add')}
            isDisabled={name.trim() === '' || add.isPending || options !== null}
            run={account.beginPasskey}
            then={(begun) => {
              const made = begun.options as unknown as PublicKeyCredentialCreationOptionsJSON;
              setOptions(made);
              add.mutate(made);
            }}
          />
        </>
      )}
    </Dialog>
  );
}

function RenamePasskey({
  passkey,
  close,
}: {
  readonly passkey: Passkey;
  readonly close: () => void;
}): ReactNode {
  const { t } = useWords();
  const [name, setName] = useState(passkey.name);
  const rename = useAction({
    run: () => account.renamePasskey(passkey.id, name.trim()),
    done: t('saved'),
    andThen: close,
    changes: ['account'],
  });
  return (
    <Dialog title={t('passkey.rename')} close={close}>
      <Form submit={() => name.trim() !== '' && !rename.isPending && rename.mutate(undefined)}>
        <NameField name={name} setName={setName} error={rename.error} />
        {rename.error !== null && <Failure error={rename.error} fields={['name']} />}
        <div className="dialog-actions">
          <Button type="submit" loading={rename.isPending} disabled={name.trim() === ''}>
            {t('save')}
          </Button>
        </div>
      </Form>
    </Dialog>
  );
}

/** One passkey with what can be done about it. */
export function PasskeyLine({ passkey }: { readonly passkey: Passkey }): ReactNode {
  const { t } = useWords();
  const [asked, setAsked] = useState<'name' | 'removal' | null>(null);
  const { id, name, host, lastUsedAt } = passkey;
  const close = (): void => {
    setAsked(null);
    readSecurityAgain();
  };
  return (
    <Group justify="space-between" gap="xs" mt="xs">
      <Text size="sm" component="div">
        <strong>{name}</strong> · {t('passkey.host', { host })} · {t('security.lastUsed')}:{' '}
        <Time at={lastUsedAt} />
      </Text>
      <Group gap="xs">
        <Button
          variant="default"
          size="compact-xs"
          aria-label={t('passkey.renameOf', { name })}
          onClick={() => setAsked('name')}
        >
          {t('passkey.rename')}
        </Button>
        <Button
          variant="default"
          size="compact-xs"
          aria-label={t('passkey.removeOf', { name })}
          onClick={() => setAsked('removal')}
        >
          {t('security.remove')}
        </Button>
      </Group>
      {asked === 'name' && <RenamePasskey passkey={passkey} close={close} />}
      {asked === 'removal' && (
        <Dialog title={name} close={close}>
          <Proved
            action={t('security.remove')}
            text={t('passkey.removeText')}
            isDangerous
            run={(password) => account.removePasskey(id, password)}
            then={() => {
              say(t('security.removed'));
              close();
            }}
          />
        </Dialog>
      )}
    </Group>
  );
}
