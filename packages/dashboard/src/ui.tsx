/** The small parts that every page is made of. */
import { ActionIcon, Button, Modal, Tooltip } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { type ReactNode, useEffect, useState, useSyncExternalStore } from 'react';
import { PlexyPayError } from './api.ts';
import { isOfField, keyOfReason } from './fieldErrors.ts';
import { formatAmount, formatTime, type Language, type TimeStyle, utcTime } from './format.ts';
import { type Translate, useWords } from './i18n/index.tsx';
import { Icon, type IconName } from './icons.tsx';
import { reasonText } from './reasons.ts';
import { Coming, type Shape } from './skeletons.tsx';

interface AmountProps {
  readonly amount: number | bigint;
  readonly currency: string;
  readonly strong?: boolean;
}

export function Amount({ amount, currency, strong }: AmountProps): ReactNode {
  const { language } = useWords();
  const text = formatAmount(amount, currency, language);
  // Of many currencies the sign is the code.
  const number = text.replace(new RegExp(`\\s*${currency}\\s*`), '');
  return (
    <span className={strong ? 'amount amount-strong' : 'amount'}>
      {number} <span className="currency">{currency}</span>
    </span>
  );
}

interface TimeProps {
  readonly at: string | null;
  readonly show?: TimeStyle;
}

/** In the viewer's zone; UTC when pointed at. */
export function Time({ at, show = 'short' }: TimeProps): ReactNode {
  const { language } = useWords();
  if (at === null) return <span className="dim">–</span>;
  return (
    <time dateTime={at} title={utcTime(at)} className="time">
      {formatTime(at, show, language)}
    </time>
  );
}

function useCopy(
  text: string,
  label: string | undefined,
): { name: string; copied: boolean; copy: () => void } {
  const { t } = useWords();
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), 1_500);
    return () => clearTimeout(timer);
  }, [copied]);
  return {
    name: copied ? t('copied') : (label ?? t('copy')),
    copied,
    copy: () => void navigator.clipboard.writeText(text).then(() => setCopied(true)),
  };
}

export function CopyButton({ text, label }: { readonly text: string; readonly label?: string }): ReactNode {
  const { name, copied, copy } = useCopy(text, label);
  return (
    <Tooltip label={name}>
      <ActionIcon variant="subtle" color="gray" size="sm" aria-label={name} onClick={copy}>
        <Icon name={copied ? 'check' : 'copy'} size={14} />
      </ActionIcon>
    </Tooltip>
  );
}

/** The same in a row of a table, where it is seen when one points at the row or has the focus in it. */
export function CopyIcon({ text }: { readonly text: string }): ReactNode {
  const { t } = useWords();
  const { name, copied, copy } = useCopy(text, t('copyValue', { value: text }));
  return (
    <button type="button" className="copy-icon" aria-label={name} title={name} onClick={copy}>
      <Icon name={copied ? 'check' : 'copy'} size={14} />
    </button>
  );
}

/** A code of the server in words; the code itself is told by pointing at it. */
export function Reason({ code }: { readonly code: string }): ReactNode {
  const { t } = useWords();
  return (
    <span className="cell-text" title={code}>
      {reasonText(code, t)}
    </span>
  );
}

/** An id, short enough to read. */
export function shortId(id: string): string {
  return id.length > 16 ? `${id.slice(0, 8)}…${id.slice(-4)}` : id;
}

/** The same, whole when copied. */
export function Id({ id, short = false }: { readonly id: string; readonly short?: boolean }): ReactNode {
  return (
    <span className="id">
      <code title={id}>{short ? shortId(id) : id}</code>
      <CopyButton text={id} />
    </span>
  );
}

interface PageProps {
  readonly title: string;
  readonly actions?: ReactNode;
  readonly lead?: ReactNode;
  readonly children: ReactNode;
}

export function Page({ title, actions, lead, children }: PageProps): ReactNode {
  useTitle(title);
  return (
    <>
      <header className="page-head">
        <div>
          <h1>{title}</h1>
          {lead !== undefined && <p className="lead">{lead}</p>}
        </div>
        {actions !== undefined && <div className="page-actions">{actions}</div>}
      </header>
      {children}
    </>
  );
}

export function useTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} · Plexy Pay`;
    setPageTitle(title);
  }, [title]);
}

let pageTitle = '';
const titleListeners = new Set<() => void>();

function setPageTitle(title: string): void {
  pageTitle = title;
  for (const listener of titleListeners) listener();
}

/** Tells screen readers which page stands now: the document is not loaded anew, so the browser does not. */
export function PageAnnouncer(): ReactNode {
  const title = useSyncExternalStore(
    (listener) => {
      titleListeners.add(listener);
      return () => titleListeners.delete(listener);
    },
    () => pageTitle,
  );
  return (
    <p className="visually-hidden" role="status">
      {title}
    </p>
  );
}

interface PanelProps {
  readonly title?: ReactNode;
  readonly actions?: ReactNode;
  readonly className?: string;
  readonly children: ReactNode;
}

export function Panel({ title, actions, className = '', children }: PanelProps): ReactNode {
  return (
    <section className={`panel ${className}`}>
      {title !== undefined && (
        <div className="panel-head">
          <h2>{title}</h2>
          {actions}
        </div>
      )}
      {children}
    </section>
  );
}

interface EmptyProps {
  readonly icon: IconName;
  readonly title: string;
  readonly children?: ReactNode;
}

export function Empty({ icon, title, children }: EmptyProps): ReactNode {
  return (
    <div className="empty">
      <Icon name={icon} size={24} />
      <p className="empty-title">{title}</p>
      {children !== undefined && <div className="empty-text">{children}</div>}
    </div>
  );
}

interface FailureProps {
  readonly error: unknown;
  readonly retry?: () => void;
  /** Whose errors are shown at the fields themselves, by their paths. */
  readonly fields?: readonly string[];
}

/** What went wrong, in the reader's language; behind it what to quote when asking for help. The one place for it. */
export function Failure({ error, retry, fields = [] }: FailureProps): ReactNode {
  const { t, language } = useWords();
  if (error instanceof Error && error.name === 'PageNotLoadedError') return <NotLoaded retry={retry} />;
  const known = error instanceof PlexyPayError ? error : null;
  const isAtFields =
    known !== null &&
    known.details.length > 0 &&
    known.details.every(({ path }) => fields.some((field) => isOfField(path, field)));
  const way = known?.status === 404 ? (WAYS_ON[known.reason ?? ''] ?? null) : null;
  return (
    <div className="failure" role="alert">
      <Icon name="issues" />
      <div>
        {isAtFields ? (
          <p className="failure-title">{t('error.fields')}</p>
        ) : (
          <>
            <p className="failure-title">{titleOf(known, t)}</p>
            <p>{known === null ? t('error.unexpected') : messageOf(known, t, language)}</p>
          </>
        )}
        {known !== null && <Technical error={known} />}
        {way !== null && (
          <p>
            <Link to={way}>{t(way === '/transactions' ? 'error.allTransactions' : 'error.back')}</Link>
          </p>
        )}
        {retry !== undefined && known?.status !== 404 && !isAtFields && (
          <Button size="xs" variant="default" onClick={retry} mt="xs">
            {t('tryAgain')}
          </Button>
        )}
      </div>
    </div>
  );
}

/** Where those are that exist, when the one that was asked for does not: trying again cannot help. */
const WAYS_ON: Readonly<Record<string, string>> = {
  transaction_not_found: '/transactions',
  payment_link_not_found: '/payment-links',
  webhook_endpoint_not_found: '/developers/webhooks',
  customer_not_found: '/customers',
  wallet_holder_not_found: '/operator/wallet-holders',
  merchant_not_found: '/operator/merchants',
};

/** In the server's words: for whoever helps. */
function Technical({ error }: { readonly error: PlexyPayError }): ReactNode {
  const { t } = useWords();
  const { reason, message, details, requestId } = error;
  if (reason === null) return null;
  return (
    <details className="failure-details">
      <summary>{t('error.details')}</summary>
      <p>{message}</p>
      {details.length > 0 && (
        <ul>
          {details.map(({ path, message: rule }) => (
            <li key={path + rule}>
              <code>{path}</code> {rule}
            </li>
          ))}
        </ul>
      )}
      <p className="failure-ids">
        <code>{reason}</code>
        {requestId !== null && (
          <>
            {' · '}
            {t('error.requestId')} <code>{requestId}</code>
            <CopyButton text={requestId} />
          </>
        )}
      </p>
    </details>
  );
}

/** A page that is not here yet, and cannot be loaded now. */
function NotLoaded({ retry }: { readonly retry: (() => void) | undefined }): ReactNode {
  const { t } = useWords();
  return (
    <div className="failure" role="alert">
      <Icon name="issues" />
      <div>
        <p className="failure-title">{t('error.connection')}</p>
        <p>{t('error.pageNotLoaded')}</p>
        <Button size="xs" variant="default" onClick={retry} mt="xs">
          {t('tryAgain')}
        </Button>
      </div>
    </div>
  );
}

/** In the reader's language. English readers get the server's own words where those say more. */
function messageOf({ reason, message }: PlexyPayError, t: Translate, language: Language): string {
  if (reason === 'insufficient_role') return t('error.forbiddenHint');
  if (reason === 'wrong_credentials') return t('error.wrongPassword');
  const key = keyOfReason(reason);
  if (key !== null && (language !== 'en' || t(key) === message)) return sentence(t(key));
  return language === 'en' ? sentence(message) : t('error.refused');
}

export function sentence(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`;
}

function titleOf(error: PlexyPayError | null, t: Translate): string {
  if (error === null) return t('error.title');
  if (error.status === null) return t('error.connection');
  if (error.reason === 'insufficient_role') return t('error.forbidden');
  if (error.status === 404) return t('error.notFound');
  if (error.status >= 500) return t('error.server');
  return t('error.title');
}

interface LoadedProps<T> {
  readonly query: { data: T | undefined; error: unknown; refetch(): unknown };
  /** What it will look like. */
  readonly shape?: Shape;
  readonly lines?: number;
  /** Whose errors are shown at the fields themselves, by their paths. */
  readonly fields?: readonly string[];
  readonly children: (data: T) => ReactNode;
}

/** What a query has found; the outline of it while it is under way; else what went wrong. */
export function Loaded<T>({
  query,
  shape = 'lines',
  lines = 4,
  fields = [],
  children,
}: LoadedProps<T>): ReactNode {
  if (query.data !== undefined) return children(query.data);
  if (query.error !== null)
    return <Failure error={query.error} retry={() => query.refetch()} fields={fields} />;
  return <Coming shape={shape} lines={lines} />;
}

/** A page of which somebody has the address, but not the role. */
export function NotAllowed({ title }: { readonly title: string }): ReactNode {
  const { t } = useWords();
  return (
    <Page title={title}>
      <Empty icon="key" title={t('error.forbidden')}>
        {t('error.forbiddenHint')}
      </Empty>
    </Page>
  );
}

/** Names and values, one below the other. */
export function Facts({ items }: { readonly items: readonly (readonly [string, ReactNode])[] }): ReactNode {
  return (
    <dl className="facts">
      {items.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

interface DialogProps {
  readonly title: string;
  readonly close: () => void;
  readonly size?: string;
  /** Whether it shows what is never shown again: then only its buttons close it. */
  readonly isOnce?: boolean;
  readonly children: ReactNode;
}

export function Dialog({ title, close, size = 'md', isOnce = false, children }: DialogProps): ReactNode {
  const { t } = useWords();
  return (
    <Modal
      opened
      onClose={close}
      title={title}
      size={size}
      closeOnClickOutside={!isOnce}
      closeOnEscape={!isOnce}
      closeButtonProps={{ 'aria-label': t('close') }}
    >
      {children}
    </Modal>
  );
}

interface Toast {
  readonly id: number;
  readonly text: string;
  readonly icon: IconName;
}

let toasts: readonly Toast[] = [];
const toastListeners = new Set<() => void>();
let nextToast = 0;

function setToasts(next: readonly Toast[]): void {
  toasts = next;
  for (const listener of toastListeners) listener();
}

/** Says for five seconds, to screen readers too, that something is done, or whatever the icon stands for. */
export function say(text: string, icon: IconName = 'check'): void {
  const toast = { id: nextToast++, text, icon };
  setToasts([...toasts, toast]);
  setTimeout(() => setToasts(toasts.filter(({ id }) => id !== toast.id)), 5_000);
}

export function Toasts(): ReactNode {
  const current = useSyncExternalStore(
    (listener) => {
      toastListeners.add(listener);
      return () => toastListeners.delete(listener);
    },
    () => toasts,
  );
  return (
    <div className="toasts" role="status">
      {current.map(({ id, text, icon }) => (
        <div key={id} className="toast">
          <Icon name={icon} />
          {text}
        </div>
      ))}
    </div>
  );
}

/** `Enter` in a field does what the button does; the browser does nothing of its own. */
export function Form({
  submit,
  children,
}: {
  readonly submit: () => void;
  readonly children: ReactNode;
}): ReactNode {
  return (
    <form
      className="form"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      {children}
    </form>
  );
}

interface ConfirmProps {
  readonly text: string;
  readonly action: string;
  readonly error: unknown;
  readonly isRunning: boolean;
  readonly run: () => void;
}

/** Asks before something that cannot be undone. */
export function Confirm({ text, action, error, isRunning, run }: ConfirmProps): ReactNode {
  return (
    <div className="form">
      <p>{text}</p>
      {error !== null && <Failure error={error} />}
      <div className="dialog-actions">
        <Button color="red" loading={isRunning} onClick={run}>
          {action}
        </Button>
      </div>
    </div>
  );
}
