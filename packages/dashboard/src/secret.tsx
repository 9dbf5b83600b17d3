import { Button } from '@mantine/core';
import type { ReactNode } from 'react';
import { useWords } from './i18n/index.tsx';
import { CopyButton } from './ui.tsx';

interface Props {
  readonly label: string;
  /** Null: the answer with it was lost, and was asked for again. */
  readonly text: string | null;
  readonly hint: string;
  readonly close: () => void;
}

/** What the server shows this once. */
export function Secret({ label, text, hint, close }: Props): ReactNode {
  const { t } = useWords();
  return (
    <div className="form">
      <p>{text === null ? t('secret.lost') : hint}</p>
      {text !== null && (
        <p className="secret">
          <code title={label}>{text}</code>
          <CopyButton text={text} />
        </p>
      )}
      <div className="dialog-actions">
        <Button onClick={close}>{t('secret.done')}</Button>
      </div>
    </div>
  );
}
