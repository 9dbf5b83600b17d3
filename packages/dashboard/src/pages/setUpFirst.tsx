import { Button, Stack, Text } from '@mantine/core';
import type { ReactNode } from 'react';
import { session } from '../api.ts';
import { useWords } from '../i18n/index.tsx';
import { SetUpApp } from '../secondFactor.tsx';
import { forgetSession, queryClient, SESSION_KEY } from '../session.tsx';
import { useTitle } from '../ui.tsx';
import { SignInBox } from './signIn.tsx';

/** What somebody sees who must set up a second factor before anything else. */
export function SetUpFirst(): ReactNode {
  const { t } = useWords();
  useTitle(t('security.first'));
  return (
    <SignInBox title={t('security.first')}>
      <Stack gap="md">
        <Text size="sm">{t('security.firstText')}</Text>
        <SetUpApp done={() => void queryClient.invalidateQueries({ queryKey: SESSION_KEY })} />
        <Button variant="default" fullWidth onClick={() => void session.signOut().finally(forgetSession)}>
          {t('account.signOut')}
        </Button>
      </Stack>
    </SignInBox>
  );
}
