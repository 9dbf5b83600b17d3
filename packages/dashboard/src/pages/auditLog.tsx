/** Who did what: a merchant's own, or for operators all of it. */
import { Button, Group, Select, TextInput } from '@mantine/core';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { type ReactNode, useState } from 'react';
import { type AuditLogEntry, auditLogAt, type Query } from '../api.ts';
import { useRealTime } from '../clock.ts';
import { AUDIT_LOG_CSV, jsonText } from '../csv.ts';
import { ExportButton } from '../exportButton.tsx';
import { fieldError } from '../fieldErrors.ts';
import { localTime } from '../format.ts';
import { type Key, useWords } from '../i18n/index.tsx';
import { List } from '../list.tsx';
import type { Search } from '../router.tsx';
import { useSession } from '../session.tsx';
import { Dialog, Empty, Facts, Id, Page, Panel, shortId, Time } from '../ui.tsx';

const FILTERS = ['action', 'actor', 'object', 'from', 'to'] as const;
type Filters = Readonly<Partial<Record<(typeof FILTERS)[number], string | undefined>>>;
type Action = AuditLogEntry['action'];

/** In the order of the filter's choice. */
const ACTIONS: readonly Action[] = [
  ...(['session.sign_in', 'session.sign_in_failed', 'session.lock_out', 'session.sign_out'] as const),
  'session.sign_out_everywhere',
  ...(['user.create', 'user.update', 'user.delete', 'user.reset_password', 'user.change_password'] as const),
  ...(['api_key.issue', 'api_key.revoke'] as const),
  ...(['webhook_endpoint.create', 'webhook_endpoint.update', 'webhook_endpoint.delete'] as const),
  ...(['webhook_endpoint.enable', 'webhook_endpoint.disable', 'webhook_endpoint.rotate_secret'] as const),
  'callback_secret.rotate',
  ...(['webhook_endpoint.test', 'webhook_endpoint.replay', 'webhook_delivery.resend'] as const),
  ...(['payment.create', 'payment.capture', 'payment.cancel', 'payment.refund', 'payment.confirm'] as const),
  ...(['payment.show_confirmation', 'issue.mute'] as const),
  ...(['payment_link.create', 'payment_link.cancel', 'payment_link.extend'] as const),
  ...(['customer.create', 'customer.update', 'customer.erase', 'customer.export'] as const),
  ...(['merchant.create', 'merchant.update', 'store.create', 'terminal.create'] as const),
  ...(['acquirer.create', 'acquirer.update', 'acquirer.route', 'acquirer.set_credentials'] as const),
  ...(['wallet_holder.create', 'wallet.create', 'wallet.deposit', 'wallet.withdraw'] as const),
  ...(['wallet.freeze', 'wallet.unfreeze', 'ledger.audit'] as const),
  ...(['secret_key.add', 'secret_key.retire'] as const),
  ...(['sandbox.advance_clock', 'sandbox.set_faults', 'sandbox.reset'] as const),
];

export default function AuditLog(): ReactNode {
  const { t } = useWords();
  const real = useRealTime();
  const { merchant } = useSession();
  const search = useSearch({ strict: false }) as Search;
  const navigate = useNavigate();
  const [open, setOpen] = useState<AuditLogEntry | null>(null);
  const [error, setError] = useState<unknown>(null);
  const load = auditLogAt(merchant === null ? '/v1/admin/audit-log' : '/v1/audit-log');
  const filters: Filters = Object.fromEntries(FILTERS.map((name) => [name, search[name]]));
  const choose = (patch: Filters): void => {
    setOpen(null);
    void navigate({ to: '/settings/audit-log', search: { ...filters, ...patch } });
  };
  const query: Query = { ...filters };
  return (
    <Page
      title={t('nav.auditLog')}
      lead={t('auditLog.lead')}
      actions={<ExportButton name="audit-log" columns={AUDIT_LOG_CSV} query={query} load={load} />}
    >
      <FilterRow filters={filters} error={error} choose={choose} />
      <Panel>
        <List
          label={t('nav.auditLog')}
          queryKey={['auditLog', filters]}
          load={(page) => load({ ...query, ...page, limit: 50 })}
          keyOf={({ id }) => id}
          refetchMs={5_000}
          fields={FILTERS}
          onError={setError}
          empty={<Empty icon="auditLog" title={t('auditLog.none')} />}
          columns={[
            { title: real(t('auditLog.at')), cell: ({ at }) => <Time at={at} /> },
            { title: t('auditLog.who'), cell: ({ actor }) => <Actor actor={actor} /> },
            {
              title: t('auditLog.what'),
              cell: (entry) => (
                <button type="button" className="link" onClick={() => setOpen(entry)}>
                  {t(`auditLog.${entry.action}`)}
                </button>
              ),
            },
            { title: t('auditLog.object'), cell: ({ object }) => <ObjectName object={object} /> },
            { title: t('auditLog.address'), cell: ({ actor }) => actor.address ?? <Nothing /> },
          ]}
        />
      </Panel>
      {open !== null && <EntryDialog entry={open} choose={choose} close={() => setOpen(null)} />}
    </Page>
  );
}

interface FilterProps {
  readonly filters: Filters;
  readonly error: unknown;
  readonly choose: (patch: Filters) => void;
}

function FilterRow({ filters, error, choose }: FilterProps): ReactNode {
  const { t } = useWords();
  const isFiltered = FILTERS.some((name) => filters[name] !== undefined);
  return (
    <Group gap="xs" mb="md" align="flex-end">
      <Select
        size="xs"
        w={240}
        searchable
        clearable
        label={t('auditLog.what')}
        error={fieldError(error, 'action', t)}
        placeholder={t('auditLog.anything')}
        data={ACTIONS.map((value) => ({ value, label: t(`auditLog.${value}`) }))}
        value={filters.action ?? null}
        onChange={(value) => choose({ action: value ?? undefined })}
      />
      <MomentInput
        label={t('auditLog.from')}
        error={fieldError(error, 'from', t)}
        at={filters.from}
        choose={(from) => choose({ from })}
      />
      <MomentInput
        label={t('auditLog.to')}
        error={fieldError(error, 'to', t)}
        at={filters.to}
        choose={(to) => choose({ to })}
      />
      {(['actor', 'object'] as const).map(
        (name) =>
          filters[name] !== undefined && (
            <TextInput
              key={name}
              size="xs"
              label={t(name === 'actor' ? 'auditLog.actorId' : 'auditLog.object')}
              error={fieldError(error, name, t)}
              readOnly
              value={filters[name]}
            />
          ),
      )}
      {isFiltered && (
        <Button
          size="xs"
          variant="subtle"
          color="gray"
          onClick={() => choose(Object.fromEntries(FILTERS.map((name) => [name, undefined])))}
        >
          {t('list.clearFilters')}
        </Button>
      )}
    </Group>
  );
}

interface MomentProps {
  readonly label: string;
  readonly error: string | null;
  readonly at: string | undefined;
  readonly choose: (at: string | undefined) => void;
}

/** In the viewer's zone; it is taken when the field is left, whole. */
function MomentInput({ label, error, at, choose }: MomentProps): ReactNode {
  const [typed, setTyped] = useState<string | null>(null);
  return (
    <TextInput
      size="xs"
      type="datetime-local"
      label={label}
      error={error}
      value={typed ?? localTime(at)}
      onChange={(event) => setTyped(event.currentTarget.value)}
      onBlur={() => {
        if (typed === null) return;
        const ms = Date.parse(typed);
        choose(Number.isNaN(ms) ? undefined : new Date(ms).toISOString());
        setTyped(null);
      }}
    />
  );
}

function Nothing(): ReactNode {
  return <span className="dim">–</span>;
}

/** Kinds of actors that have no name of their own. */
const ACTORS: Readonly<Record<AuditLogEntry['actor']['kind'], Key>> = {
  api_key: 'auditLog.actor.apiKey',
  user: 'auditLog.actor.user',
  operator: 'auditLog.actor.operator',
  customer: 'auditLog.actor.customer',
  system: 'auditLog.actor.system',
  command_line: 'auditLog.actor.commandLine',
  unknown: 'auditLog.actor.unknown',
};

function Actor({ actor }: Pick<AuditLogEntry, 'actor'>): ReactNode {
  const { t } = useWords();
  const kind = t(ACTORS[actor.kind]);
  if (actor.name === null) return <span className="cell-text">{kind}</span>;
  return (
    <span className="cell-text" title={kind}>
      {actor.name} {actor.kind === 'api_key' && <span className="dim">{kind}</span>}
    </span>
  );
}

function ObjectName({ object }: Pick<AuditLogEntry, 'object'>): ReactNode {
  if (object.id === null) return <Nothing />;
  return <code title={object.id}>{shortId(object.id)}</code>;
}

interface EntryProps {
  readonly entry: AuditLogEntry;
  readonly choose: (patch: Filters) => void;
  readonly close: () => void;
}

function EntryDialog({ entry, choose, close }: EntryProps): ReactNode {
  const { t } = useWords();
  const real = useRealTime();
  const { actor, object, merchantId, requestId, before, after } = entry;
  const id = (text: string | null): ReactNode => (text === null ? null : <Id id={text} />);
  const items: readonly (readonly [string, ReactNode])[] = [
    [real(t('auditLog.at')), <Time key="at" at={entry.at} show="full" />],
    [t('auditLog.who'), <Actor key="who" actor={actor} />],
    [t('auditLog.actorId'), id(actor.id)],
    [t('auditLog.address'), actor.address],
    [t('auditLog.object'), id(object.id)],
    [t('auditLog.merchant'), id(merchantId)],
    [t('request.id'), id(requestId)],
  ];
  return (
    <Dialog title={t(`auditLog.${entry.action}`)} close={close} size="lg">
      <Facts items={items.filter(([, value]) => value !== null)} />
      <Values title={t('auditLog.before')} values={before} />
      <Values title={t('auditLog.after')} values={after} />
      <Group justify="flex-end" mt="md">
        {actor.id !== null && (
          <Button variant="default" onClick={() => choose({ actor: actor.id ?? undefined })}>
            {t('auditLog.sameActor')}
          </Button>
        )}
        {object.id !== null && (
          <Button variant="default" onClick={() => choose({ object: object.id ?? undefined })}>
            {t('auditLog.sameObject')}
          </Button>
        )}
      </Group>
    </Dialog>
  );
}

interface ValuesProps {
  readonly title: string;
  readonly values: AuditLogEntry['before'];
}

function Values({ title, values }: ValuesProps): ReactNode {
  if (values === null || Object.keys(values).length === 0) return null;
  return (
    <>
      <h3>{title}</h3>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard */}
      <section className="code-box" aria-label={title} tabIndex={0}>
        <pre>{jsonText(values, 2)}</pre>
      </section>
    </>
  );
}
