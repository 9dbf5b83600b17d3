import { Button, Stack, Text } from '@mantine/core';
import type { ReactNode } from 'react';
import { session } from '../api.ts';
import { useWords } from '../i18n/index.tsx';
import { SetUpApp } from '../secondFactor.tsx';
import { forgetSession, queryClient, SESSION_KEY } from '../session.tsx';
import { useTitle } from '../ui.tsx';
import { SignInBox } from './signIn.tsx';

interface SetUpFirstProps {
  /** Hears whether the page must stay, whatever the session says: it shows recovery codes this once. */
  readonly hold: (isHeld: boolean) => void;
}

/** What somebody sees who must set up a second factor before anything else. */
export function SetUpFirst({ hold }: SetUpFirstProps): ReactNode {
  const { t } = useWords();
  const readSession = () => queryClient.invalidateQueries({ queryKey: SESSION_KEY });
  const leave = (): void => {
    hold(false);
    forgetSession();
  };
  useTitle(t('security.first'));
  return (
    <SignInBox title={t('security.first')}>
      <Stack gap="md">
        <Text size="sm">{t('security.firstText')}</Text>
        <SetUpApp hold={hold} done={() => void readSession().finally(() => hold(false))} />
        <Button variant="default" fullWidth onClick={() => void session.signOut().finally(leave)}>
          {t('account.signOut')}
        </Button>
      </Stack>
    </SignInBox>
  );
}
