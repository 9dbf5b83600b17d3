import { Button, PasswordInput, Stack, Text, TextInput } from '@mantine/core';
import { PlexyPayError } from '@plexy-pay/sdk';
import { type UseMutationResult, useMutation } from '@tanstack/react-query';
import { type ReactNode, useEffect, useRef, useState } from 'react';
import { type FinishOidcSignInBody, type Session, type SignInBody, session } from '../api.ts';
import { Appearance } from '../appearance.tsx';
import { keyOfReason } from '../fieldErrors.ts';
import { useWords } from '../i18n/index.tsx';
import { Icon } from '../icons.tsx';
import { outcomeOfProvider, ProviderButton } from '../identityProvider.tsx';
import { canHavePasskeys, PasskeyFailure, signInWithPasskey } from '../passkeys.tsx';
import { forgetSession, queryClient, SESSION_KEY } from '../session.tsx';
import { Failure, Form, sentence, useTitle } from '../ui.tsx';

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

/** Whether the password was right, and something more is asked for. */
function isCodeAsked(error: Error | null): boolean {
  const reason = error instanceof PlexyPayError ? error.reason : null;
  return reason === 'second_factor_required' || reason === 'wrong_second_factor';
}

export function SignIn(): ReactNode {
  const { t } = useWords();
  useTitle(t('signIn.title'));
  const [email, setEmail] = useState('');
  const [password, setPassword] = useState('');
  /** As whom, once the password was right: the code is sent with the same. */
  const [asked, setAsked] = useState<SignInBody | null>(null);
  const signIn = useMutation({
    mutationFn: (as: SignInBody) => session.signIn(as),
    onSuccess: (signedIn) => queryClient.setQueryData(SESSION_KEY, signedIn),
    onError: (error, { code: _, ...as }) => {
      if (isCodeAsked(error)) setAsked(as);
    },
  });
  const byPasskey = useMutation({
    mutationFn: signInWithPasskey,
    onMutate: () => signIn.reset(),
    onSuccess: (signedIn) => queryClient.setQueryData(SESSION_KEY, signedIn),
  });
  const isComplete = email.trim() !== '' && password !== '';
  if (asked !== null)
    return (
      <SignInBox>
        <CodeForm
          error={signIn.error}
          isPending={signIn.isPending}
          submit={(code) => signIn.mutate({ ...asked, code })}
          byPasskey={byPasskey}
          back={() => {
            signIn.reset();
            setAsked(null);
          }}
        />
      </SignInBox>
    );
  return (
    <SignInBox>
      <Refused outcome={outcomeOfProvider()} />
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
        {signIn.error !== null && choicesOf(signIn.error).length === 0 && !isCodeAsked(signIn.error) && (
          <Failure error={signIn.error} />
        )}
        <Button type="submit" fullWidth loading={signIn.isPending}>
          {t('signIn.submit')}
        </Button>
        <PasskeyButton byPasskey={byPasskey} />
        <ProviderButton />
      </Form>
      <Choices
        error={signIn.error}
        choose={(merchantId) => signIn.mutate({ email: email.trim(), password, merchantId })}
      />
      {isSandbox && (
        <DemoUsers
          isDisabled={signIn.isPending}
          choose={(demo) => {
            setEmail(demo);
            setPassword(DEMO_PASSWORD);
            signIn.mutate({ email: demo, password: DEMO_PASSWORD });
          }}
        />
      )}
    </SignInBox>
  );
}

interface ChoicesProps {
  readonly error: Error | null;
  readonly choose: (merchantId: string) => void;
}

/** Nothing unless the server asks which account it is to be. */
function Choices({ error, choose }: ChoicesProps): ReactNode {
  const { t } = useWords();
  const choices = choicesOf(error);
  if (choices.length === 0) return null;
  return (
    <Stack gap="xs" mt="md">
      <Text size="sm">{t('signIn.choose')}</Text>
      {choices.map(({ id, name }) => (
        <Button key={id} variant="default" fullWidth onClick={() => choose(id)}>
          {name === '' ? t('signIn.operator') : name}
        </Button>
      ))}
    </Stack>
  );
}

/** Why the browser has come back from the identity provider without anybody: in our own words, whatever the address says. */
function Refused({ outcome }: { readonly outcome: string | null }): ReactNode {
  const { t } = useWords();
  const key = outcome === 'refused' ? 'signIn.refused' : keyOfReason(outcome);
  if (key === null) return null;
  return (
    <div className="failure" role="alert">
      <Icon name="issues" />
      <div>
        <p className="failure-title">{t('error.title')}</p>
        <p>{sentence(t(key))}</p>
      </div>
    </div>
  );
}

/**
 * Signs in as whom the identity provider has told, where the browser has just come back from it.
 * @param done hears that there is a session, or that another way is wanted
 */
export function FinishSignIn({ done }: { readonly done: () => void }): ReactNode {
  const { t } = useWords();
  useTitle(t('signIn.title'));
  const [as, setAs] = useState<FinishOidcSignInBody>({});
  const [isAsked, setAsked] = useState(false);
  const enter = (signedIn: Session): void => {
    forgetSession();
    queryClient.setQueryData(SESSION_KEY, signedIn);
    done();
  };
  const finish = useMutation({
    mutationFn: (body: FinishOidcSignInBody) => session.finishOidc(body),
    onSuccess: enter,
    onError: (error) => {
      if (isCodeAsked(error)) setAsked(true);
    },
  });
  const byPasskey = useMutation({ mutationFn: signInWithPasskey, onSuccess: enter });
  const hasBegun = useRef(false);
  useEffect(() => {
    if (hasBegun.current) return;
    hasBegun.current = true;
    finish.mutate({});
  }, [finish]);
  if (isAsked)
    return (
      <SignInBox>
        <CodeForm
          error={finish.error}
          isPending={finish.isPending}
          submit={(code) => finish.mutate({ ...as, code })}
          byPasskey={byPasskey}
          back={done}
        />
      </SignInBox>
    );
  const isChoice = choicesOf(finish.error).length > 0;
  return (
    <SignInBox>
      {finish.error === null ? (
        <Text size="sm" role="status">
          {t('signIn.finishing')}
        </Text>
      ) : (
        !isChoice && <Failure error={finish.error} />
      )}
      <Choices
        error={finish.error}
        choose={(merchantId) => {
          setAs({ merchantId });
          finish.mutate({ merchantId });
        }}
      />
      {finish.error !== null && (
        <Button variant="default" fullWidth mt="md" onClick={done}>
          {t('signIn.back')}
        </Button>
      )}
    </SignInBox>
  );
}

interface DemoUsersProps {
  readonly isDisabled: boolean;
  readonly choose: (email: string) => void;
}

function DemoUsers({ isDisabled, choose }: DemoUsersProps): ReactNode {
  const { t } = useWords();
  return (
    <div className="demo-users">
      <p>{t('signIn.demo')}</p>
      <div className="buttons">
        {DEMO_USERS.map(([role, demo]) => (
          <Button
            key={role}
            variant="default"
            size="xs"
            title={demo}
            disabled={isDisabled}
            onClick={() => choose(demo)}
          >
            {t(`role.${role}`)}
          </Button>
        ))}
      </div>
    </div>
  );
}

/** What stands around everything that comes before the first page. */
export function SignInBox({
  title,
  children,
}: {
  readonly title?: string;
  readonly children: ReactNode;
}): ReactNode {
  const { t } = useWords();
  return (
    <main className="sign-in">
      <div className="sign-in-box">
        <img src="/dashboard/icon.svg" alt="" width={40} height={40} />
        <h1>{title ?? t('signIn.title')}</h1>
        {children}
      </div>
      <Appearance />
    </main>
  );
}

interface CodeFormProps {
  readonly error: Error | null;
  readonly isPending: boolean;
  readonly submit: (code: string) => void;
  readonly byPasskey: UseMutationResult<Session, Error, void>;
  readonly back: () => void;
}

/** Nothing where the browser has no passkeys. */
function PasskeyButton({ byPasskey }: Pick<CodeFormProps, 'byPasskey'>): ReactNode {
  const { t } = useWords();
  if (!canHavePasskeys) return null;
  return (
    <>
      {byPasskey.error !== null && <PasskeyFailure error={byPasskey.error} />}
      <Button variant="default" fullWidth loading={byPasskey.isPending} onClick={() => byPasskey.mutate()}>
        {t('signIn.passkey')}
      </Button>
    </>
  );
}

/** The second step of somebody with an authenticator app. */
function CodeForm({ error, isPending, submit, byPasskey, back }: CodeFormProps): ReactNode {
  const { t } = useWords();
  const [code, setCode] = useState('');
  const isFirst = error instanceof PlexyPayError && error.reason === 'second_factor_required';
  return (
    <Form submit={() => code.trim() !== '' && !isPending && submit(code.trim())}>
      <Text size="sm">{t('signIn.secondFactor')}</Text>
      <TextInput
        label={t('signIn.code')}
        description={t('signIn.codeHint')}
        name="code"
        autoComplete="one-time-code"
        autoFocus
        maxLength={64}
        value={code}
        onChange={(event) => setCode(event.currentTarget.value)}
      />
      {error !== null && !isFirst && <Failure error={error} />}
      <Button type="submit" fullWidth loading={isPending}>
        {t('signIn.submit')}
      </Button>
      <PasskeyButton byPasskey={byPasskey} />
      <Button variant="default" fullWidth onClick={back}>
        {t('signIn.back')}
      </Button>
    </Form>
  );
}
