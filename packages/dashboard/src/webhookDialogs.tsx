/** What is asked of an endpoint: what it is to be, its token, and which of its events are sent again. */
import { Button, Checkbox, PasswordInput, TextInput } from '@mantine/core';
import { type ReactNode, useState } from 'react';
import { newIdempotencyKey, type WebhookEndpoint, webhooks } from './api.ts';
import { useServerNow } from './clock.ts';
import { EventName } from './deliveries.tsx';
import { fieldError } from './fieldErrors.ts';
import { formatTime, localTime } from './format.ts';
import { useWords } from './i18n/index.tsx';
import { useAction } from './list.tsx';
import { Confirm, Dialog, Failure, Form } from './ui.tsx';

const DAY_MS = 86_400_000;

interface Props {
  readonly endpoint: WebhookEndpoint;
  readonly close: () => void;
}

const EVENTS = [
  ...['created', '3d', 'authorized', 'rejected', 'failed'].map((name) => `transaction.${name}`),
  ...['partially_captured', 'charged', 'cancelled', 'refunded'].map((name) => `transaction.${name}`),
  ...['created', 'paid', 'expired', 'cancelled'].map((name) => `payment_link.${name}`),
  ...['created', 'paid', 'expired', 'cancelled'].map((name) => `payment_session.${name}`),
] as WebhookEndpoint['events'];

interface EndpointFormProps {
  readonly url: string;
  readonly description: string | null;
  readonly events: WebhookEndpoint['events'];
  readonly action: string;
  readonly error: unknown;
  readonly isRunning: boolean;
  readonly save: (fields: Pick<WebhookEndpoint, 'url' | 'description' | 'events'>) => void;
}

/** What an endpoint is to be: of a new one, and of one that is there. */
export function EndpointForm(before: EndpointFormProps): ReactNode {
  const { t } = useWords();
  const { action, error, isRunning, save } = before;
  const [url, setUrl] = useState(before.url);
  const [description, setDescription] = useState(before.description ?? '');
  const [events, setEvents] = useState(before.events);
  const submit = (): void => {
    if (url.trim() === '' || isRunning) return;
    save({
      url: withScheme(url.trim()),
      description: description.trim() === '' ? null : description.trim(),
      events,
    });
  };
  return (
    <Form submit={submit}>
      <TextInput
        label={t('webhook.url')}
        error={fieldError(error, 'url', t)}
        type="url"
        placeholder="https://"
        data-autofocus
        value={url}
        onChange={(event) => setUrl(event.currentTarget.value)}
      />
      <TextInput
        label={t('payment.description')}
        error={fieldError(error, 'description', t)}
        maxLength={255}
        value={description}
        onChange={(event) => setDescription(event.currentTarget.value)}
      />
      <Checkbox.Group
        label={t('webhook.events')}
        description={t('webhook.eventsHint')}
        value={events}
        onChange={(chosen) => setEvents(chosen as WebhookEndpoint['events'])}
      >
        <div className="choices choices-two">
          {EVENTS.map((name) => (
            <Checkbox key={name} size="xs" value={name} label={<EventName name={name} />} />
          ))}
        </div>
      </Checkbox.Group>
      {error !== null && <Failure error={error} fields={['url', 'description']} />}
      <div className="dialog-actions">
        <Button type="submit" loading={isRunning} disabled={url.trim() === ''}>
          {action}
        </Button>
      </div>
    </Form>
  );
}

/** What people leave out of an address. A server on one's own machine seldom speaks https. */
function withScheme(url: string): string {
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(url)) return url;
  return `${/^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])(?:[:/]|$)/i.test(url) ? 'http' : 'https'}://${url}`;
}

export function EditDialog({ endpoint, close }: Props): ReactNode {
  const { t } = useWords();
  const { id, url, description, events } = endpoint;
  const change = useAction({
    run: (fields: Pick<WebhookEndpoint, 'url' | 'description' | 'events'>) => webhooks.update(id, fields),
    done: t('saved'),
    andThen: close,
    changes: ['endpoints'],
  });
  return (
    <Dialog title={t('webhook.edit')} close={close}>
      <EndpointForm
        {...{ url, description, events }}
        action={t('save')}
        error={change.error}
        isRunning={change.isPending}
        save={(fields) => change.mutate(fields)}
      />
    </Dialog>
  );
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
          error={fieldError(change.error, 'bearerToken', t)}
          description={t(endpoint.hasBearerToken ? 'webhook.tokenReplaced' : 'webhook.tokenHint')}
          autoComplete="new-password"
          data-autofocus
          maxLength={1024}
          visibilityToggleButtonProps={{ 'aria-label': t('webhook.tokenShow') }}
          value={token}
          onChange={(event) => setToken(event.currentTarget.value)}
        />
        {change.error !== null && <Failure error={change.error} fields={['bearerToken']} />}
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
  const now = useServerNow();
  const [from, setFrom] = useState(() => localTime(new Date(now() - DAY_MS).toISOString()));
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
