import { Button } from '@mantine/core';
import type { ReactNode } from 'react';
import { useWords } from './i18n/index.tsx';
import { CopyButton } from './ui.tsx';

interface Props {
  readonly label: string;
  readonly text: string;
  readonly hint: string;
  readonly close: () => void;
}

/** What the server shows this once. */
export function Secret({ label, text, hint, close }: Props): ReactNode {
  const { t } = useWords();
  return (
    <div className="form">
      <p>{hint}</p>
      <p className="secret">
        <code title={label}>{text}</code>
        <CopyButton text={text} />
      </p>
      <div className="dialog-actions">
        <Button onClick={close}>{t('secret.done')}</Button>
      </div>
    </div>
  );
}
