/** All payments and refunds: filters in the address, pages by cursor, new ones by themselves. */
import { Button, Checkbox, Popover } from '@mantine/core';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { type ReactNode, useEffect, useRef, useState } from 'react';
import { type Transaction, transactions } from '../api.ts';
import { useNow } from '../clock.ts';
import { TRANSACTION_CSV } from '../csv.ts';
import { ExportButton } from '../exportButton.tsx';
import { FilterBar } from '../filterBar.tsx';
import { FILTERS, type Filters, filtersOf, queryOf } from '../filters.ts';
import { FirstPayment } from '../firstPayment.tsx';
import { type Key, useWords } from '../i18n/index.tsx';
import { Icon } from '../icons.tsx';
import type { Search } from '../router.tsx';
import { useShortcuts } from '../shortcuts.tsx';
import { COLUMNS, type Column, useColumns } from '../transactionColumns.tsx';
import { TransactionTable } from '../transactionTable.tsx';
import { Empty, Failure, Loaded, Page } from '../ui.tsx';

const PAGE_SIZE = 50;

const VIEWS: readonly (readonly [Key, Filters])[] = [
  ['view.all', {}],
  ['view.waiting', { status: 'authorized', type: 'payment' }],
  ['view.pending', { pendingOperation: 'true' }],
  ['view.charged', { status: 'charged' }],
  ['view.failed', { status: 'rejected,transaction.failed' }],
  ['view.refunds', { type: 'refund' }],
];

export default function Transactions(): ReactNode {
  const { t } = useWords();
  const search = useSearch({ strict: false }) as Search;
  const filters = filtersOf(search);
  const [columns, setColumns] = useColumns();
  const [isPaused, setPaused] = useState(false);
  const minute = useNow(60_000);
  const query = queryOf(filters, minute);
  const list = useQuery({
    queryKey: ['transactions', query, search.cursor],
    queryFn: ({ signal }) => transactions.list({ ...query, limit: PAGE_SIZE, cursor: search.cursor }, signal),
    placeholderData: keepPreviousData,
  });
  useShortcuts({ KeyP: () => setPaused((paused) => !paused) });
  return (
    <Page
      title={t('nav.transactions')}
      actions={
        <>
          <Button
            variant={isPaused ? 'light' : 'default'}
            size="xs"
            leftSection={<Icon name={isPaused ? 'play' : 'pause'} size={14} />}
            aria-pressed={isPaused}
            onClick={() => setPaused(!isPaused)}
          >
            {t(isPaused ? 'list.resume' : 'list.pause')}
          </Button>
          <ColumnChoice columns={columns} choose={setColumns} />
          <ExportButton
            name="transactions"
            columns={TRANSACTION_CSV}
            query={query}
            load={transactions.list}
          />
        </>
      }
    >
      <nav className="views" aria-label={t('nav.transactions')}>
        {VIEWS.map(([label, view]) => (
          <Link
            key={label}
            to="/transactions"
            search={view}
            className="view"
            activeOptions={{ exact: true, includeSearch: true }}
            aria-current={isSameView(filters, view) ? 'page' : undefined}
          >
            {t(label)}
          </Link>
        ))}
      </nav>
      <FilterBar filters={filters} error={list.error} />
      {list.error !== null && list.data !== undefined && (
        <Failure error={list.error} retry={() => void list.refetch()} fields={FILTERS} />
      )}
      <Loaded query={list} shape="table" lines={12} fields={FILTERS}>
        {(page) => (
          <Rows
            key={JSON.stringify([filters, search.cursor])}
            latest={page.items}
            isStale={list.isPlaceholderData}
            isPaused={isPaused}
            columns={columns}
            filters={filters}
          />
        )}
      </Loaded>
      <Paging cursor={search.cursor} nextCursor={list.data?.nextCursor ?? null} search={search} />
    </Page>
  );
}

function isSameView(filters: Filters, view: Filters): boolean {
  const own = (one: Filters): string =>
    JSON.stringify([one.status ?? '', one.type ?? '', one.pendingOperation ?? '']);
  return own(filters) === own(view);
}

interface RowsProps {
  readonly latest: readonly Transaction[];
  /** They are the rows of other filters, shown until those of these have come. */
  readonly isStale: boolean;
  readonly isPaused: boolean;
  readonly columns: readonly Column[];
  readonly filters: Filters;
}

/**
 * Rows stay where they are while somebody points at them, has the focus in them, or has scrolled down:
 * what changed is shown in its place, what is new waits behind a button. Paused, nothing changes at all.
 */
function Rows({ latest, isStale, isPaused, columns, filters }: RowsProps): ReactNode {
  const { t } = useWords();
  const { isUsed, watch } = useUse();
  const isHeld = (isUsed || isPaused) && !isStale;
  const [shown, setShown] = useState(latest);
  const [wasStale, setWasStale] = useState(isStale);
  // Rows of other filters are never held on to.
  if ((!isHeld || isStale !== wasStale) && shown !== latest) setShown(latest);
  if (isStale !== wasStale) setWasStale(isStale);
  const now = new Map(latest.map((row) => [row.id, row]));
  const rows = isHeld ? shown.map((row) => (isPaused ? row : (now.get(row.id) ?? row))) : latest;
  const ids = new Set(rows.map(({ id }) => id));
  const waiting = latest.filter(({ id }) => !ids.has(id)).length;
  const hasChanges =
    isPaused && latest.some((row) => shown.find(({ id }) => id === row.id)?.updatedAt !== row.updatedAt);
  if (rows.length === 0 && waiting === 0) return <NoRows filters={filters} />;
  return (
    <div className={isStale ? 'rows rows-stale' : 'rows'} {...watch}>
      <div className="rows-news" role="status">
        {(waiting > 0 || hasChanges) && (
          <button type="button" className="news" onClick={() => setShown(latest)}>
            <Icon name="arrowUp" size={14} />
            {waiting > 0 ? t('list.pending', { count: waiting }) : t('list.changed')}
          </button>
        )}
      </div>
      <TransactionTable rows={rows} columns={columns} label={t('nav.transactions')} />
    </div>
  );
}

/** Whether somebody is at it: points with a mouse, has the focus inside, or has scrolled down. */
function useUse(): { isUsed: boolean; watch: Record<string, unknown> } {
  const [hovered, setHovered] = useState(false);
  const [focused, setFocused] = useState(false);
  const [scrolled, setScrolled] = useState(false);
  const element = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const follow = (): void => setScrolled((element.current?.getBoundingClientRect().top ?? 0) < -40);
    window.addEventListener('scroll', follow, { passive: true });
    return () => window.removeEventListener('scroll', follow);
  }, []);
  const watch = {
    ref: element,
    onPointerEnter: (event: React.PointerEvent) => setHovered(event.pointerType === 'mouse'),
    onPointerLeave: () => setHovered(false),
    onFocus: (event: React.FocusEvent) => setFocused(event.target.closest('table') !== null),
    onBlur: (event: React.FocusEvent) => setFocused(event.currentTarget.contains(event.relatedTarget)),
  };
  return { isUsed: hovered || focused || scrolled, watch };
}

function NoRows({ filters }: { readonly filters: Filters }): ReactNode {
  const { t } = useWords();
  if (Object.keys(filters).length === 0) {
    return <FirstPayment />;
  }
  return (
    <Empty icon="filter" title={t('list.noMatch')}>
      <p>{t('list.noMatchHint')}</p>
      <Link to="/transactions">{t('list.clearFilters')}</Link>
    </Empty>
  );
}

interface PagingProps {
  readonly cursor: string | undefined;
  readonly nextCursor: string | null;
  readonly search: Search;
}

function Paging({ cursor, nextCursor, search }: PagingProps): ReactNode {
  const { t } = useWords();
  const navigate = useNavigate();
  if (cursor === undefined && nextCursor === null) return null;
  const go = (to: string | undefined) => () =>
    void navigate({ to: '/transactions', search: { ...search, cursor: to } });
  return (
    <nav className="paging" aria-label={t('list.older')}>
      <Button variant="default" size="xs" disabled={cursor === undefined} onClick={go(undefined)}>
        {t('list.newest')}
      </Button>
      <Button
        variant="default"
        size="xs"
        disabled={cursor === undefined}
        leftSection={<Icon name="chevronLeft" size={14} />}
        onClick={() => window.history.back()}
      >
        {t('list.newer')}
      </Button>
      <Button
        variant="default"
        size="xs"
        disabled={nextCursor === null}
        rightSection={<Icon name="chevronRight" size={14} />}
        onClick={go(nextCursor ?? undefined)}
      >
        {t('list.older')}
      </Button>
    </nav>
  );
}

interface ColumnChoiceProps {
  readonly columns: readonly Column[];
  readonly choose: (columns: readonly Column[]) => void;
}

function ColumnChoice({ columns, choose }: ColumnChoiceProps): ReactNode {
  const { t } = useWords();
  const names = Object.keys(COLUMNS) as Column[];
  return (
    <Popover position="bottom-end" trapFocus>
      <Popover.Target>
        <Button variant="default" size="xs" leftSection={<Icon name="columns" size={14} />}>
          {t('list.columns')}
        </Button>
      </Popover.Target>
      <Popover.Dropdown aria-label={t('list.columns')}>
        <div className="choices">
          {names.map((name) => (
            <Checkbox
              key={name}
              size="xs"
              label={t(COLUMNS[name].title)}
              checked={columns.includes(name)}
              disabled={COLUMNS[name].isFixed}
              onChange={({ currentTarget: { checked } }) =>
                choose(names.filter((other) => (other === name ? checked : columns.includes(other))))
              }
            />
          ))}
        </div>
      </Popover.Dropdown>
    </Popover>
  );
}
