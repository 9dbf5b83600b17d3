/** What is asked before an endpoint's token changes, and before it is sent its events again. */
import { Button, PasswordInput, TextInput } from '@mantine/core';
import { type ReactNode, useState } from 'react';
import { newIdempotencyKey, type WebhookEndpoint, webhooks } from './api.ts';
import { formatTime, localTime } from './format.ts';
import { useWords } from './i18n/index.tsx';
import { useAction } from './list.tsx';
import { Confirm, Dialog, Failure, Form } from './ui.tsx';

const DAY_MS = 86_400_000;

interface Props {
  readonly endpoint: WebhookEndpoint;
  readonly close: () => void;
}

export function TokenDialog({ endpoint, close }: Props): ReactNode {
  const { t } = useWords();
  const [token, setToken] = useState('');
  const [isRemoving, setRemoving] = useState(false);
  const change = useAction({
    run: (bearerToken: string | null) => webhooks.update(endpoint.id, { bearerToken }),
    done: t('saved'),
    andThen: close,
    changes: ['endpoints'],
  });
  if (isRemoving) {
    return (
      <Dialog title={t('webhook.tokenRemove')} close={close}>
        <Confirm
          text={t('webhook.tokenRemoveText')}
          action={t('webhook.tokenRemove')}
          error={change.error}
          isRunning={change.isPending}
          run={() => change.mutate(null)}
        />
      </Dialog>
    );
  }
  return (
    <Dialog title={t('webhook.token')} close={close}>
      <Form submit={() => token !== '' && !change.isPending && change.mutate(token)}>
        <PasswordInput
          label={t('webhook.token')}
          description={t(endpoint.hasBearerToken ? 'webhook.tokenReplaced' : 'webhook.tokenHint')}
          autoComplete="new-password"
          data-autofocus
          maxLength={1024}
          visibilityToggleButtonProps={{ 'aria-label': t('webhook.tokenShow') }}
          value={token}
          onChange={(event) => setToken(event.currentTarget.value)}
        />
        {change.error !== null && <Failure error={change.error} />}
        <div className="dialog-actions">
          {endpoint.hasBearerToken && (
            <Button variant="default" onClick={() => setRemoving(true)}>
              {t('webhook.tokenRemove')}
            </Button>
          )}
          <Button type="submit" loading={change.isPending} disabled={token === ''}>
            {t('save')}
          </Button>
        </div>
      </Form>
    </Dialog>
  );
}

interface Range {
  readonly from: string;
  /** Without: until now. */
  readonly to?: string;
}

export function ReplayDialog({ endpoint, close }: Props): ReactNode {
  const { t } = useWords();
  const [from, setFrom] = useState(() => localTime(new Date(Date.now() - DAY_MS).toISOString()));
  const [to, setTo] = useState('');
  const [range, setRange] = useState<Range | null>(null);
  const iso = (text: string): string => new Date(text).toISOString();
  const isReversed = to !== '' && to < from;
  return (
    <Dialog title={t('webhook.replay')} close={close}>
      {range !== null ? (
        <ConfirmReplay endpoint={endpoint} range={range} close={close} />
      ) : (
        <Form
          submit={() =>
            from !== '' && !isReversed && setRange({ from: iso(from), ...(to === '' ? {} : { to: iso(to) }) })
          }
        >
          <p>{t('webhook.replayLead')}</p>
          <TextInput
            type="datetime-local"
            label={t('filter.from')}
            data-autofocus
            value={from}
            onChange={(event) => setFrom(event.currentTarget.value)}
          />
          <TextInput
            type="datetime-local"
            label={t('filter.to')}
            description={t('webhook.replayToHint')}
            error={isReversed && t('webhook.replayReversed')}
            value={to}
            onChange={(event) => setTo(event.currentTarget.value)}
          />
          <div className="dialog-actions">
            <Button type="submit" disabled={from === '' || isReversed}>
              {t('webhook.replayContinue')}
            </Button>
          </div>
        </Form>
      )}
    </Dialog>
  );
}

function ConfirmReplay({ endpoint, range, close }: Props & { readonly range: Range }): ReactNode {
  const { t, language } = useWords();
  const { id, url } = endpoint;
  const [key] = useState(newIdempotencyKey);
  const replay = useAction({
    run: () => webhooks.replay(id, range, key),
    done: t('webhook.replayBegun'),
    andThen: close,
    changes: ['deliveries', id],
  });
  const words = (at: string): string => formatTime(at, 'full', language);
  return (
    <Confirm
      text={t('webhook.replayText', {
        from: words(range.from),
        to: range.to === undefined ? t('webhook.replayNow') : words(range.to),
        url,
      })}
      action={t('webhook.replay')}
      error={replay.error}
      isRunning={replay.isPending}
      run={() => replay.mutate(undefined)}
    />
  );
}
