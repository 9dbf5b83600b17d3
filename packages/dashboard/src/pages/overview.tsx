/** How business is, compared with the period before. Each number opens the list behind it. */
import { SegmentedControl, Select, Tooltip } from '@mantine/core';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { Link, Navigate, useNavigate, useSearch } from '@tanstack/react-router';
import { type ReactNode, useMemo } from 'react';
import { type Statistics, statistics, type Totals } from '../api.ts';
import { Chart } from '../chart.tsx';
import { useNow, useTimeZone } from '../clock.ts';
import type { Filters } from '../filters.ts';
import { FirstPayment } from '../firstPayment.tsx';
import { amountInput, formatAmount, formatNumber, formatShare, formatTime, zoneName } from '../format.ts';
import { type Key, useWords } from '../i18n/index.tsx';
import { Icon } from '../icons.tsx';
import { reasonText } from '../reasons.ts';
import type { Search } from '../router.tsx';
import { useSession } from '../session.tsx';
import { Amount, Failure, Loaded, Page, Panel } from '../ui.tsx';

const HOUR_MS = 3_600_000;
/** The statuses of what was captured, and of refunds that are done. */
const CAPTURED = 'charged,refunded';

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

export default function Overview(): ReactNode {
  const { merchant } = useSession();
  return merchant === null ? <Navigate to="/operator/merchants" replace /> : <MerchantOverview />;
}

function MerchantOverview(): ReactNode {
  const { t, language } = useWords();
  const search = useSearch({ strict: false }) as Search;
  const navigate = useNavigate();
  const name = search.period ?? '24h';
  const { interval, count } = PERIODS[name] ?? DEFAULT_PERIOD;
  const timeZone = useTimeZone();
  const now = useNow(60_000);
  const { currency } = search;
  const query = useQuery({
    queryKey: ['statistics', interval, count, timeZone, currency],
    queryFn: () => statistics({ interval, intervals: count, timeZone, currency }),
    placeholderData: keepPreviousData,
    refetchInterval: 3_000,
  });
  const choose = (patch: Search): void => void navigate({ to: '/', search: { ...search, ...patch } });
  const currencies = query.data?.currencies ?? [];
  return (
    <Page
      title={t('nav.overview')}
      lead={t('period.timeZone', { zone: zoneName(timeZone, language, now) })}
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
  const within: Filters = { currency, createdFrom: totals.from };
  const count = (value: number): string => formatNumber(value, language);
  return (
    <div className="column">
      <div className="cards">
        <Card
          title={t('overview.captured')}
          meaning={t('overview.capturedMeaning', {
            authorized: formatAmount(totals.authorizedVolume, currency, language),
          })}
          value={<Amount amount={totals.capturedVolume} currency={currency} />}
          change={changeOf(Number(totals.capturedVolume), Number(previous.capturedVolume))}
          search={{ ...within, type: 'payment', status: CAPTURED }}
        />
        <Card
          title={t('overview.refunded')}
          meaning={t('overview.refundedMeaning')}
          value={<Amount amount={totals.refundedVolume} currency={currency} />}
          change={changeOf(Number(totals.refundedVolume), Number(previous.refundedVolume))}
          isNeutral
          search={{ ...within, type: 'refund', status: 'refunded' }}
        />
        <Card
          title={t('overview.net')}
          meaning={t('overview.netMeaning')}
          value={<Amount amount={totals.netVolume} currency={currency} />}
          change={changeOf(Number(totals.netVolume), Number(previous.netVolume))}
          search={{ ...within, status: CAPTURED }}
        />
        <Card
          title={t('overview.count')}
          meaning={t('overview.countMeaning')}
          value={count(totals.count)}
          change={changeOf(totals.count, previous.count)}
          search={{ ...within, type: 'payment' }}
        />
        <Card
          title={t('overview.success')}
          meaning={t('overview.successMeaning')}
          value={successRate(totals) === null ? '–' : formatShare(successRate(totals) ?? 0, language)}
          change={pointsOf(successRate(totals), successRate(previous))}
          isPoints
          search={{ ...within, type: 'payment', status: 'rejected,transaction.failed' }}
        />
        <Card
          title={t('overview.average')}
          meaning={t('overview.averageMeaning')}
          value={<Amount amount={totals.averageAmount} currency={currency} />}
          change={changeOf(totals.averageAmount, previous.averageAmount)}
          isNeutral
          search={{ ...within, type: 'payment', status: CAPTURED }}
        />
      </div>
      <Charts numbers={numbers} currency={currency} />
      <div className="halves">
        <Declines
          numbers={numbers}
          search={{ ...within, type: 'payment', status: 'rejected,transaction.failed' }}
        />
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
  /** What is counted, in a sentence. */
  readonly meaning: string;
  readonly value: ReactNode;
  /** A share of 1; null: there is nothing to compare with. */
  readonly change: number | null;
  /** The change is of percentage points. */
  readonly isPoints?: boolean;
  /** More is neither better nor worse. */
  readonly isNeutral?: boolean;
  readonly search: Filters;
}

function Card({
  title,
  meaning,
  value,
  change,
  isPoints = false,
  isNeutral = false,
  search,
}: CardProps): ReactNode {
  const { t, language } = useWords();
  const sign = change === null || Math.abs(change) < 0.0005 ? '' : change > 0 ? '+' : '−';
  const percent = change === null ? 0 : Math.abs(change) * 100;
  const isBeyond = percent > MOST_PERCENT;
  const text = formatNumber(isBeyond ? MOST_PERCENT : percent, language, { maximumFractionDigits: 1 });
  return (
    <Tooltip label={meaning} multiline maw={320} events={{ hover: true, focus: true, touch: false }}>
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
    </Tooltip>
  );
}

/**
 * What was captured of as many whole intervals before these, one for each; a read of its own, and not often: what was
 * hardly changes. Null: not read yet, or there was nothing.
 */
function useCapturedBefore(numbers: Statistics, currency: string): number[] | null {
  const { totals, interval, timeZone, buckets } = numbers;
  const to = totals.from;
  const { data } = useQuery({
    queryKey: ['statisticsBefore', interval, to, buckets.length, timeZone, currency],
    queryFn: () => statistics({ to, interval, intervals: buckets.length, timeZone, currency }),
    refetchInterval: 60_000,
  });
  return useMemo(() => {
    if (data === undefined || data.totals.captured === 0) return null;
    return data.buckets.map(({ capturedVolume }) => Number(amountInput(capturedVolume, currency)));
  }, [data, currency]);
}

function Charts({ numbers, currency }: NumbersProps): ReactNode {
  const { t, language } = useWords();
  const navigate = useNavigate();
  const { buckets, interval, timeZone, totals } = numbers;
  const capturedBefore = useCapturedBefore(numbers, currency);
  // New arrays only for new numbers: the charts are drawn again for each.
  const times = useMemo(() => buckets.map(({ start }) => Date.parse(start)), [buckets]);
  const captured = useMemo(
    () => [
      {
        label: t('overview.captured'),
        colour: 'blue',
        values: buckets.map(({ capturedVolume }) => Number(amountInput(capturedVolume, currency))),
      },
    ],
    [buckets, currency, t],
  );
  const before = useMemo(
    () =>
      capturedBefore === null
        ? undefined
        : { label: t('overview.capturedBefore'), colour: 'dim', values: capturedBefore },
    [capturedBefore, t],
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
    // The last one ends where the numbers do, by the server's clock.
    const end = (times[index + 1] ?? Date.parse(totals.to)) - 1;
    const range = { createdFrom: new Date(start).toISOString(), createdTo: new Date(end).toISOString() };
    void navigate({ to: '/transactions', search: { type: 'payment', currency, ...range } });
  };
  const time = (at: number): string =>
    formatTime(at, interval === 'hour' ? 'hour' : 'day', language, timeZone);
  return (
    <div className="halves">
      <Panel>
        <Chart
          label={t('overview.captured')}
          times={times}
          series={captured}
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
