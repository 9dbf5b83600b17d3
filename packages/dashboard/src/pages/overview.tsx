/** How business is, compared with the period before. Each number opens the list behind it. */
import { SegmentedControl, Select } from '@mantine/core';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { Link, Navigate, useNavigate, useSearch } from '@tanstack/react-router';
import { type ReactNode, useMemo } from 'react';
import { type Statistics, statistics, type Totals } from '../api.ts';
import { Chart } from '../chart.tsx';
import { useNow } from '../clock.ts';
import type { Filters } from '../filters.ts';
import { FirstPayment } from '../firstPayment.tsx';
import { amountInput, formatAmount, formatNumber, formatShare, formatTime } from '../format.ts';
import { type Key, useWords } from '../i18n/index.tsx';
import { Icon } from '../icons.tsx';
import { reasonText } from '../reasons.ts';
import type { Search } from '../router.tsx';
import { useSession } from '../session.tsx';
import { Amount, Failure, Loaded, Page, Panel } from '../ui.tsx';

const HOUR_MS = 3_600_000;
const SUCCEEDED = 'authorized,charged,refunded';

interface Period {
  readonly label: Key;
  readonly interval: 'hour' | 'day';
  readonly count: number;
}

const PERIODS: Readonly<Record<string, Period>> = {
  '24h': { label: 'period.day', interval: 'hour', count: 24 },
  '7d': { label: 'period.week', interval: 'day', count: 7 },
  '30d': { label: 'period.month', interval: 'day', count: 30 },
};
const DEFAULT_PERIOD: Period = { label: 'period.day', interval: 'hour', count: 24 };

/** The whole hour, or midnight where the viewer is, with which the first bar begins. */
function beginning({ interval, count }: Period, now: number): string {
  const start = new Date(now);
  start.setMinutes(0, 0, 0);
  if (interval === 'hour') return new Date(start.getTime() - (count - 1) * HOUR_MS).toISOString();
  start.setHours(0);
  start.setDate(start.getDate() - (count - 1));
  return start.toISOString();
}

export default function Overview(): ReactNode {
  const { merchant } = useSession();
  return merchant === null ? <Navigate to="/operator/merchants" replace /> : <MerchantOverview />;
}

function MerchantOverview(): ReactNode {
  const { t } = useWords();
  const search = useSearch({ strict: false }) as Search;
  const navigate = useNavigate();
  const name = search.period ?? '24h';
  const period = PERIODS[name] ?? DEFAULT_PERIOD;
  const from = beginning(period, useNow(60_000));
  const { currency } = search;
  const query = useQuery({
    queryKey: ['statistics', period.interval, from, currency],
    queryFn: () => statistics({ from, interval: period.interval, currency }),
    placeholderData: keepPreviousData,
    refetchInterval: 3_000,
  });
  const choose = (patch: Search): void => void navigate({ to: '/', search: { ...search, ...patch } });
  const currencies = query.data?.currencies ?? [];
  return (
    <Page
      title={t('nav.overview')}
      actions={
        <>
          {currencies.length > 1 && (
            <Select
              size="xs"
              w={92}
              aria-label={t('filter.currency')}
              data={currencies}
              value={query.data?.currency ?? null}
              onChange={(value) => choose({ currency: value ?? undefined })}
            />
          )}
          <SegmentedControl
            size="xs"
            aria-label={t('period.label')}
            value={name in PERIODS ? name : '24h'}
            onChange={(value) => choose({ period: value })}
            data={Object.entries(PERIODS).map(([value, { label }]) => ({ value, label: t(label) }))}
          />
        </>
      }
    >
      {query.error !== null && query.data !== undefined && <Failure error={query.error} />}
      <Loaded query={query} shape="overview">
        {(numbers) =>
          numbers.currency === null ? (
            <FirstPayment />
          ) : (
            <Numbers numbers={numbers} currency={numbers.currency} />
          )
        }
      </Loaded>
    </Page>
  );
}

interface NumbersProps {
  readonly numbers: Statistics;
  readonly currency: string;
}

function Numbers({ numbers, currency }: NumbersProps): ReactNode {
  const { t, language } = useWords();
  const { totals, previous } = numbers;
  const within: Filters = { type: 'payment', currency, createdFrom: totals.from };
  const count = (value: number): string => formatNumber(value, language);
  return (
    <div className="column">
      <div className="cards">
        <Card
          title={t('overview.volume')}
          value={<Amount amount={totals.volume} currency={currency} />}
          change={changeOf(Number(totals.volume), Number(previous.volume))}
          search={{ ...within, status: SUCCEEDED }}
        />
        <Card
          title={t('overview.count')}
          value={count(totals.count)}
          change={changeOf(totals.count, previous.count)}
          search={within}
        />
        <Card
          title={t('overview.success')}
          value={successRate(totals) === null ? '–' : formatShare(successRate(totals) ?? 0, language)}
          change={pointsOf(successRate(totals), successRate(previous))}
          isPoints
          search={{ ...within, status: 'rejected,transaction.failed' }}
        />
        <Card
          title={t('overview.average')}
          value={<Amount amount={totals.averageAmount} currency={currency} />}
          change={changeOf(totals.averageAmount, previous.averageAmount)}
          search={{ ...within, status: SUCCEEDED }}
        />
        <Card
          title={t('overview.refunded')}
          value={<Amount amount={totals.refundedVolume} currency={currency} />}
          change={changeOf(Number(totals.refundedVolume), Number(previous.refundedVolume))}
          isNeutral
          search={{ type: 'refund', currency, createdFrom: totals.from, status: 'refunded' }}
        />
      </div>
      <Charts numbers={numbers} currency={currency} />
      <div className="halves">
        <Declines numbers={numbers} search={{ ...within, status: 'rejected,transaction.failed' }} />
        <Waiting numbers={numbers} currency={currency} />
      </div>
    </div>
  );
}

/** Of those that are decided. @returns null when there are none */
function successRate({ succeeded, declined, failed }: Totals): number | null {
  const decided = succeeded + declined + failed;
  return decided === 0 ? null : succeeded / decided;
}

function changeOf(now: number, before: number): number | null {
  return before === 0 ? null : (now - before) / before;
}

function pointsOf(now: number | null, before: number | null): number | null {
  return now === null || before === null ? null : now - before;
}

/** Beyond this nobody compares. */
const MOST_PERCENT = 999;

interface CardProps {
  readonly title: string;
  readonly value: ReactNode;
  /** A share of 1; null: there is nothing to compare with. */
  readonly change: number | null;
  /** The change is of percentage points. */
  readonly isPoints?: boolean;
  /** More is neither better nor worse. */
  readonly isNeutral?: boolean;
  readonly search: Filters;
}

function Card({ title, value, change, isPoints = false, isNeutral = false, search }: CardProps): ReactNode {
  const { t, language } = useWords();
  const sign = change === null || Math.abs(change) < 0.0005 ? '' : change > 0 ? '+' : '−';
  const percent = change === null ? 0 : Math.abs(change) * 100;
  const isBeyond = percent > MOST_PERCENT;
  const text = formatNumber(isBeyond ? MOST_PERCENT : percent, language, { maximumFractionDigits: 1 });
  return (
    <Link to="/transactions" search={search} className="card">
      <span className="card-title">{title}</span>
      <span className="card-value">{value}</span>
      <span className="card-change">
        {change === null ? (
          t('overview.nothingBefore')
        ) : (
          <>
            <strong className={isNeutral || sign === '' ? '' : sign === '+' ? 'up' : 'down'}>
              {isBeyond ? '> ' : sign}
              {text}
              {isPoints ? ` ${t('overview.points')}` : '%'}
            </strong>{' '}
            {t('overview.before')}
          </>
        )}
      </span>
    </Link>
  );
}

/**
 * The volume of as many whole intervals before these, one for each; a read of its own, and not often: what was
 * hardly changes. Null: not read yet, or there was nothing.
 */
function useVolumeBefore({ totals, interval, buckets }: Statistics, currency: string): number[] | null {
  const { from } = totals;
  const lengthMs = (interval === 'hour' ? 1 : 24) * HOUR_MS * buckets.length;
  const { data } = useQuery({
    queryKey: ['statisticsBefore', interval, from, buckets.length, currency],
    queryFn: () =>
      statistics({ from: new Date(Date.parse(from) - lengthMs).toISOString(), to: from, interval, currency }),
    refetchInterval: 60_000,
  });
  return useMemo(() => {
    if (data === undefined || data.totals.succeeded === 0) return null;
    return data.buckets.map(({ volume }) => Number(amountInput(volume, currency)));
  }, [data, currency]);
}

function Charts({ numbers, currency }: NumbersProps): ReactNode {
  const { t, language } = useWords();
  const navigate = useNavigate();
  const { buckets, interval } = numbers;
  const volumeBefore = useVolumeBefore(numbers, currency);
  // New arrays only for new numbers: the charts are drawn again for each.
  const times = useMemo(() => buckets.map(({ start }) => Date.parse(start)), [buckets]);
  const volume = useMemo(
    () => [
      {
        label: t('overview.volume'),
        colour: 'blue',
        values: buckets.map((bucket) => Number(amountInput(bucket.volume, currency))),
      },
    ],
    [buckets, currency, t],
  );
  const before = useMemo(
    () =>
      volumeBefore === null
        ? undefined
        : { label: t('overview.volumeBefore'), colour: 'dim', values: volumeBefore },
    [volumeBefore, t],
  );
  const payments = useMemo(
    () => [
      { label: t('overview.succeeded'), colour: 'green', values: buckets.map(({ succeeded }) => succeeded) },
      {
        label: t('overview.declined'),
        colour: 'red',
        values: buckets.map(({ declined, failed }) => declined + failed),
      },
      {
        label: t('overview.other'),
        colour: 'grey',
        values: buckets.map(({ cancelled, pending }) => cancelled + pending),
      },
    ],
    [buckets, t],
  );
  const open = (index: number): void => {
    const start = times[index];
    if (start === undefined) return;
    const end = (times[index + 1] ?? Date.now() + 1) - 1;
    const range = { createdFrom: new Date(start).toISOString(), createdTo: new Date(end).toISOString() };
    void navigate({ to: '/transactions', search: { type: 'payment', currency, ...range } });
  };
  const time = (at: number): string => formatTime(at, interval === 'hour' ? 'hour' : 'day', language);
  return (
    <div className="halves">
      <Panel>
        <Chart
          label={t('overview.volume')}
          times={times}
          series={volume}
          line={before}
          formatTime={time}
          formatValue={(value) =>
            formatNumber(value, language, { notation: 'compact', maximumFractionDigits: 1 })
          }
          open={open}
        />
      </Panel>
      <Panel>
        <Chart
          label={t('overview.count')}
          times={times}
          series={payments}
          formatTime={time}
          formatValue={(value) => (Number.isInteger(value) ? formatNumber(value, language) : '')}
          open={open}
        />
      </Panel>
    </div>
  );
}

function Declines({
  numbers,
  search,
}: {
  readonly numbers: Statistics;
  readonly search: Filters;
}): ReactNode {
  const { t, language } = useWords();
  const { declines } = numbers;
  const most = declines[0]?.count ?? 1;
  return (
    <Panel title={t('overview.declines')}>
      {declines.length === 0 ? (
        <p className="panel-note">{t('overview.noDeclines')}</p>
      ) : (
        <ul className="bars">
          {declines.slice(0, 8).map(({ reason, count }) => (
            <li key={reason ?? ''}>
              <Link to="/transactions" search={reason === null ? search : { ...search, failureCode: reason }}>
                <span title={reason ?? undefined}>
                  {reason === null ? t('overview.noReason') : reasonText(reason, t)}
                </span>
                <span className="number">{formatNumber(count, language)}</span>
                <span className="bar" style={{ width: `${(count / most) * 100}%` }} />
              </Link>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}

function Waiting({ numbers, currency }: NumbersProps): ReactNode {
  const { t, language } = useWords();
  const search: Filters = { status: 'authorized', type: 'payment', currency };
  const expiresTo = new Date(useNow(60_000) + 24 * HOUR_MS).toISOString();
  const parts = [
    ['overview.waiting', numbers.waitingForCapture, 'clock', search],
    ['overview.expiring', numbers.expiringSoon, 'issues', { ...search, expiresTo }],
  ] as const;
  return (
    <Panel title={t('overview.holds')}>
      <ul className="holds">
        {parts.map(([title, { count, heldVolume }, icon, behind]) => (
          <li key={title}>
            <Link to="/transactions" search={behind}>
              <Icon name={icon} />
              <span>{t(title)}</span>
              <strong className="number">{formatNumber(count, language)}</strong>
              <span className="number dim">{formatAmount(heldVolume, currency, language)}</span>
            </Link>
          </li>
        ))}
      </ul>
    </Panel>
  );
}
