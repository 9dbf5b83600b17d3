import { Button } from '@mantine/core';
import { type ReactNode, useEffect, useRef, useState } from 'react';
import { useServerNow } from './clock.ts';
import { type ExportOptions, exportCsv, saveFile } from './csv.ts';
import { formatNumber, localTime } from './format.ts';
import { useWords } from './i18n/index.tsx';
import { Icon } from './icons.tsx';
import { Dialog, Failure } from './ui.tsx';

interface Props<T> extends Pick<ExportOptions<T>, 'columns' | 'query' | 'load'> {
  /** What the file is called, before the day. */
  readonly name: string;
}

export function ExportButton<T>(props: Props<T>): ReactNode {
  const { t } = useWords();
  const [isOpen, setOpen] = useState(false);
  return (
    <>
      <Button
        variant="default"
        size="xs"
        leftSection={<Icon name="download" size={14} />}
        onClick={() => setOpen(true)}
      >
        {t('list.export')}
      </Button>
      {isOpen && <ExportDialog {...props} close={() => setOpen(false)} />}
    </>
  );
}

type Progress = {
  readonly rows: number;
  readonly state: 'idle' | 'running' | 'done';
  readonly error: unknown;
};

function ExportDialog<T>({ name, close, ...what }: Props<T> & { readonly close: () => void }): ReactNode {
  const { t, language } = useWords();
  const now = useServerNow();
  const [progress, setProgress] = useState<Progress>({ rows: 0, state: 'idle', error: null });
  const running = useRef<AbortController | null>(null);
  useEffect(() => () => running.current?.abort(), []);
  const count = formatNumber(progress.rows, language);
  const start = async (): Promise<void> => {
    const abort = new AbortController();
    running.current = abort;
    setProgress({ rows: 0, state: 'running', error: null });
    try {
      const onProgress = (rows: number): void => setProgress({ rows, state: 'running', error: null });
      const file = await exportCsv({ ...what, signal: abort.signal, onProgress });
      saveFile(file, `${name}-${localTime(new Date(now()).toISOString()).slice(0, 10)}.csv`);
      setProgress(({ rows }) => ({ rows, state: 'done', error: null }));
    } catch (error) {
      if (!abort.signal.aborted) setProgress(({ rows }) => ({ rows, state: 'idle', error }));
    }
  };
  const stop = (): void => {
    running.current?.abort();
    setProgress({ rows: 0, state: 'idle', error: null });
  };
  return (
    <Dialog title={t('export.title')} close={close}>
      <p>{t('export.text')}</p>
      <p className="export-progress" role="status">
        {progress.state === 'running' && t('export.progress', { count })}
        {progress.state === 'done' && t('export.done', { count })}
      </p>
      {progress.error !== null && <Failure error={progress.error} />}
      <div className="dialog-actions">
        {progress.state === 'running' ? (
          <Button variant="default" onClick={stop}>
            {t('export.stop')}
          </Button>
        ) : (
          <Button onClick={() => void start()}>{t('export.start')}</Button>
        )}
      </div>
    </Dialog>
  );
}
