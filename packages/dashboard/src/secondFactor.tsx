/** Setting up what protects an account besides its password. */
import { Button, Code, PasswordInput, SimpleGrid, Stack, Text, TextInput } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { account, PlexyPayError } from './api.ts';
import { saveFile } from './csv.ts';
import { fieldError } from './fieldErrors.ts';
import { useWords } from './i18n/index.tsx';
import { ProviderButton } from './identityProvider.tsx';
import { QrCode } from './qrCode.tsx';
import { queryClient } from './session.tsx';
import { CopyButton, Dialog, Failure, Form, say } from './ui.tsx';

export const SECURITY_KEY = ['account', 'security'] as const;

/** After a change of it. */
export function readSecurityAgain(): void {
  void queryClient.invalidateQueries({ queryKey: ['account'] });
  void queryClient.invalidateQueries({ queryKey: ['users'] });
}

/** Whether the server asks for the password again. */
export function isPasswordAsked(error: unknown): boolean {
  return error instanceof PlexyPayError && error.reason === 'password_required';
}

interface ProvedProps<T> {
  /** What the button says that begins it. */
  readonly action: string;
  readonly text?: string;
  readonly isDangerous?: boolean;
  readonly isDisabled?: boolean;
  readonly run: (password: string | undefined) => Promise<T>;
  readonly then: (result: T) => void;
}

/** Does something that needs the password again when the sign-in is long ago: only then it is asked for. */
export function Proved<T>({
  action,
  text,
  isDangerous = false,
  isDisabled = false,
  run,
  then,
}: ProvedProps<T>): ReactNode {
  const { t } = useWords();
  const [password, setPassword] = useState('');
  const [isAsked, setAsked] = useState(false);
  const attempt = useMutation({
    mutationFn: () => run(isAsked ? password : undefined),
    onSuccess: then,
    onError: (error) => {
      if (isPasswordAsked(error)) setAsked(true);
    },
  });
  return (
    <Form submit={() => !isDisabled && !attempt.isPending && attempt.mutate()}>
      {text !== undefined && <Text size="sm">{text}</Text>}
      {isAsked && (
        <PasswordInput
          label={t('account.currentPassword')}
          description={t('security.passwordAgain')}
          autoComplete="current-password"
          autoFocus
          visibilityToggleButtonProps={{ 'aria-label': t('signIn.showPassword') }}
          value={password}
          onChange={(event) => setPassword(event.currentTarget.value)}
        />
      )}
      {attempt.error !== null && !isPasswordAsked(attempt.error) && <Failure error={attempt.error} />}
      <div className="dialog-actions">
        <Button
          type="submit"
          {...(isDangerous ? { color: 'red' } : {})}
          loading={attempt.isPending}
          disabled={isDisabled || (isAsked && password === '')}
        >
          {action}
        </Button>
      </div>
      {isAsked && <ProviderButton isAgain />}
    </Form>
  );
}

/** Codes that are shown this once. */
export function RecoveryCodes({
  codes,
  close,
}: {
  readonly codes: readonly string[];
  readonly close: () => void;
}): ReactNode {
  const { t } = useWords();
  const text = `${codes.join('\n')}\n`;
  return (
    <Stack gap="sm">
      <Text size="sm">{t('security.codesText')}</Text>
      <SimpleGrid cols={{ base: 1, xs: 2 }} spacing="xs">
        {codes.map((code) => (
          <Code key={code}>{code}</Code>
        ))}
      </SimpleGrid>
      <div className="dialog-actions">
        <CopyButton text={text} />
        <Button
          variant="default"
          onClick={() => saveFile(new Blob([text], { type: 'text/plain' }), 'plexy-pay-recovery-codes.txt')}
        >
          {t('security.saveCodes')}
        </Button>
        <Button onClick={close}>{t('secret.done')}</Button>
      </div>
    </Stack>
  );
}

interface SetUpAppProps {
  /** Follows the last step. */
  readonly done: () => void;
  /** Hears whether there may be recovery codes that nobody has copied yet: from before the server makes them. */
  readonly hold?: (isHeld: boolean) => void;
}

/** The steps that lead to an authenticator app. */
export function SetUpApp({ done, hold }: SetUpAppProps): ReactNode {
  const { t } = useWords();
  const [secret, setSecret] = useState<{ secret: string; uri: string } | null>(null);
  const [code, setCode] = useState('');
  const confirm = useMutation({
    mutationFn: () => account.confirmTotp(code),
    onMutate: () => hold?.(true),
    onError: () => hold?.(false),
    onSuccess: ({ recoveryCodes }) => {
      if (recoveryCodes !== null) return;
      say(t('security.appDone'));
      done();
    },
  });
  if (secret === null)
    return (
      <Proved
        action={t('security.setUp')}
        text={t('security.appOff')}
        run={account.beginTotp}
        then={setSecret}
      />
    );
  const codes = confirm.data?.recoveryCodes ?? null;
  if (codes !== null) return <RecoveryCodes codes={codes} close={done} />;
  return (
    <Form submit={() => !confirm.isPending && confirm.mutate()}>
      <Text size="sm">{t('security.scan')}</Text>
      <QrCode text={secret.uri} label={t('security.qr')} />
      <Text size="sm" component="div">
        {t('security.key')}
        <p className="secret">
          <code title={t('security.key')}>{secret.secret.replace(/(.{4})(?=.)/g, '$1 ')}</code>
          <CopyButton text={secret.secret} />
        </p>
      </Text>
      <TextInput
        label={t('signIn.code')}
        error={fieldError(confirm.error, 'code', t)}
        inputMode="numeric"
        autoComplete="one-time-code"
        maxLength={8}
        value={code}
        onChange={(event) => setCode(event.currentTarget.value)}
      />
      {confirm.error !== null && <Failure error={confirm.error} fields={['code']} />}
      <div className="dialog-actions">
        <Button type="submit" loading={confirm.isPending} disabled={code.trim() === ''}>
          {t('security.confirm')}
        </Button>
      </div>
    </Form>
  );
}

/** New recovery codes, in place of those of before. */
export function NewRecoveryCodes({ close }: { readonly close: () => void }): ReactNode {
  const { t } = useWords();
  const [codes, setCodes] = useState<readonly string[] | null>(null);
  return (
    <Dialog title={t('security.codes')} close={close} isOnce={codes !== null}>
      {codes === null ? (
        <Proved
          action={t('security.newCodes')}
          text={t('security.newCodesText')}
          run={account.newRecoveryCodes}
          then={({ recoveryCodes }) => {
            readSecurityAgain();
            setCodes(recoveryCodes ?? []);
          }}
        />
      ) : (
        <RecoveryCodes codes={codes} close={close} />
      )}
    </Dialog>
  );
}
