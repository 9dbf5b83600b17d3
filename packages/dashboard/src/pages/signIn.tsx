import { Button, PasswordInput, Stack, Text, TextInput } from '@mantine/core';
import { PlexyPayError } from '@plexy-pay/sdk';
import { useMutation } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { session } from '../api.ts';
import { Appearance } from '../appearance.tsx';
import { useWords } from '../i18n/index.tsx';
import { queryClient, SESSION_KEY } from '../session.tsx';
import { Failure, Form, useTitle } from '../ui.tsx';

/** They are in every sandbox, with this password, and in no other place. */
const DEMO_USERS = [
  ['admin', 'merchant@demo.test'],
  ['manager', 'manager@demo.test'],
  ['viewer', 'viewer@demo.test'],
  ['operator', 'operator@demo.test'],
] as const;
const DEMO_PASSWORD = 'sandbox';

const isSandbox = document.querySelector<HTMLMetaElement>('meta[name=mode]')?.content === 'sandbox';
/** The merchants at which this e-mail address and password open an account, when there are several. */
function choicesOf(error: Error | null): { readonly id: string; readonly name: string }[] {
  if (!(error instanceof PlexyPayError) || error.reason !== 'merchant_required') return [];
  return error.details.map(({ message }) => {
    const [id = '', ...name] = message.split(' ');
    return { id, name: name.join(' ') };
  });
}

export function SignIn(): ReactNode {
  const { t } = useWords();
  useTitle(t('signIn.title'));
  const [email, setEmail] = useState('');
  const [password, setPassword] = useState('');
  const signIn = useMutation({
    mutationFn: (as: { email: string; password: string; merchantId?: string }) =>
      session.signIn(as.email, as.password, as.merchantId),
    onSuccess: (signedIn) => queryClient.setQueryData(SESSION_KEY, signedIn),
  });
  const choices = choicesOf(signIn.error);
  const isComplete = email.trim() !== '' && password !== '';
  return (
    <main className="sign-in">
      <div className="sign-in-box">
        <img src="/dashboard/icon.svg" alt="" width={40} height={40} />
        <h1>{t('signIn.title')}</h1>
        <Form
          submit={() => isComplete && !signIn.isPending && signIn.mutate({ email: email.trim(), password })}
        >
          <TextInput
            label={t('signIn.email')}
            type="email"
            name="email"
            autoComplete="username"
            autoFocus
            value={email}
            onChange={(event) => setEmail(event.currentTarget.value)}
          />
          <PasswordInput
            label={t('signIn.password')}
            name="password"
            autoComplete="current-password"
            value={password}
            onChange={(event) => setPassword(event.currentTarget.value)}
            visibilityToggleButtonProps={{ 'aria-label': t('signIn.showPassword') }}
          />
          {signIn.error !== null && choices.length === 0 && <Failure error={signIn.error} />}
          <Button type="submit" fullWidth loading={signIn.isPending}>
            {t('signIn.submit')}
          </Button>
        </Form>
        {choices.length > 0 && (
          <Stack gap="xs" mt="md">
            <Text size="sm">{t('signIn.choose')}</Text>
            {choices.map(({ id, name }) => (
              <Button
                key={id}
                variant="default"
                fullWidth
                onClick={() => signIn.mutate({ email: email.trim(), password, merchantId: id })}
              >
                {name === '' ? t('signIn.operator') : name}
              </Button>
            ))}
          </Stack>
        )}
        {isSandbox && (
          <div className="demo-users">
            <p>{t('signIn.demo')}</p>
            <div className="buttons">
              {DEMO_USERS.map(([role, demo]) => (
                <Button
                  key={role}
                  variant="default"
                  size="xs"
                  title={demo}
                  disabled={signIn.isPending}
                  onClick={() => {
                    setEmail(demo);
                    setPassword(DEMO_PASSWORD);
                    signIn.mutate({ email: demo, password: DEMO_PASSWORD });
                  }}
                >
                  {t(`role.${role}`)}
                </Button>
              ))}
            </div>
          </div>
        )}
      </div>
      <Appearance />
    </main>
  );
}
