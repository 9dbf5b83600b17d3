import { Button, PasswordInput } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { session } from './api.ts';
import { fieldError } from './fieldErrors.ts';
import { useWords } from './i18n/index.tsx';
import { Dialog, Failure, Form, say } from './ui.tsx';

export function PasswordDialog({ close }: { readonly close: () => void }): ReactNode {
  const { t } = useWords();
  const [current, setCurrent] = useState('');
  const [next, setNext] = useState('');
  const change = useMutation({
    mutationFn: () => session.changePassword(current, next),
    onSuccess: () => {
      say(t('saved'));
      close();
    },
  });
  const toggle = { 'aria-label': t('signIn.showPassword') };
  return (
    <Dialog title={t('account.password')} close={close}>
      <Form submit={() => !change.isPending && change.mutate()}>
        <PasswordInput
          label={t('account.currentPassword')}
          error={fieldError(change.error, 'current', t)}
          autoComplete="current-password"
          data-autofocus
          visibilityToggleButtonProps={toggle}
          value={current}
          onChange={(event) => setCurrent(event.currentTarget.value)}
        />
        <PasswordInput
          label={t('account.newPassword')}
          error={fieldError(change.error, 'new', t)}
          description={t('account.passwordHint')}
          autoComplete="new-password"
          visibilityToggleButtonProps={toggle}
          value={next}
          onChange={(event) => setNext(event.currentTarget.value)}
        />
        {change.error !== null && <Failure error={change.error} fields={['current', 'new']} />}
        <div className="dialog-actions">
          <Button type="submit" loading={change.isPending} disabled={current === '' || next === ''}>
            {t('save')}
          </Button>
        </div>
      </Form>
    </Dialog>
  );
}
