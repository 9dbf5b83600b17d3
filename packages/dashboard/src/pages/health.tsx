/** Whether everything works, as an operator wants to see it at 3 a.m.; and whether every tiyn is accounted for. */
import { Alert, Button } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { type Audit, type OperatorIssue, operations, type SystemHealth } from '../api.ts';
import { useRealTime } from '../clock.ts';
import { formatDuration, formatMilliseconds, formatNumber } from '../format.ts';
import { useWords } from '../i18n/index.tsx';
import { Icon } from '../icons.tsx';
import { useAction } from '../list.tsx';
import { checkText } from '../reasons.ts';
import { Empty, Facts, Failure, Loaded, Page, Panel, Time } from '../ui.tsx';

const BUSY_LAG_MS = 1_000;

export default function Health(): ReactNode {
  const { t } = useWords();
  const health = useQuery({ queryKey: ['health'], queryFn: operations.health, refetchInterval: 2_000 });
  return (
    <Page title={t('nav.health')}>
      {health.error !== null && health.data !== undefined && (
        <Failure error={health.error} retry={() => void health.refetch()} />
      )}
      <div className="column">
        <OperatorIssues />
        <Loaded query={health}>{(found) => <Node health={found} />}</Loaded>
        <AuditPanel />
      </div>
    </Page>
  );
}

/** Whose IINs somebody may be guessing; nothing where nobody does. */
function OperatorIssues(): ReactNode {
  const { t, language } = useWords();
  const real = useRealTime();
  const { data } = useQuery({
    queryKey: ['operatorIssues'],
    queryFn: operations.issues,
    refetchInterval: 10_000,
  });
  const wordsOf = ({ subjectKind, subject, merchantName, count }: OperatorIssue): string =>
    t(`operatorIssue.${subjectKind}`, {
      subject: merchantName ?? subject,
      count: formatNumber(count, language),
    });
  return (
    <>
      {data?.items.map((issue) => (
        <Alert
          key={issue.id}
          color={issue.severity === 'critical' ? 'red' : 'orange'}
          icon={<Icon name="issues" />}
          title={wordsOf(issue)}
        >
          {t('issue.since')} <Time at={issue.since} />
          {' · '}
          {t('operatorIssue.last')} <Time at={issue.lastAt} />
          {issue.lockedUntil !== null && (
            <>
              {' · '}
              {t('operatorIssue.locked')} <Time at={issue.lockedUntil} />
            </>
          )}{' '}
          {real('')}
        </Alert>
      ))}
    </>
  );
}

function Node({ health }: { readonly health: SystemHealth }): ReactNode {
  const { t, language } = useWords();
  const { database, feed, queue, bank, versions } = health;
  const count = (value: number): string => formatNumber(value, language);
  const parts = [
    {
      title: t('health.database'),
      works: true,
      items: [
        [t('health.latency'), formatMilliseconds(database.latencyMs, language)],
        [t('health.connections'), `${count(database.connections)} / ${count(database.maxConnections)}`],
        [t('health.migration'), <code key="migration">{database.migration}</code>],
      ],
    },
    {
      title: t('health.feed'),
      works: feed.lagMs < BUSY_LAG_MS,
      items: [
        [t('health.lag'), formatMilliseconds(feed.lagMs, language)],
        [t('health.listening'), t(feed.listening ? 'yes' : 'no')],
        [t('health.streams'), count(feed.streams)],
      ],
    },
    {
      title: t('health.queue'),
      works: queue.depth < queue.limit / 2,
      items: [[t('health.depth'), `${count(queue.depth)} / ${count(queue.limit)}`]],
    },
    {
      title: t('health.bank'),
      works: bank.connected,
      items: [
        [t('health.pending'), count(bank.pending)],
        [
          t('health.oldest'),
          bank.oldestSeconds === null ? '–' : formatDuration(bank.oldestSeconds, language),
        ],
      ],
    },
  ] as const;
  return (
    <>
      <div className="quarters">
        {parts.map(({ title, works, items }) => (
          <Panel key={title} title={title} actions={<Works works={works} />}>
            <Facts items={items} />
          </Panel>
        ))}
      </div>
      <p className="dim">
        {t('health.versions', versions)} ·{' '}
        {t('health.uptime', { time: formatDuration(health.uptimeSeconds, language) })}
      </p>
    </>
  );
}

function Works({ works }: { readonly works: boolean }): ReactNode {
  const { t } = useWords();
  return (
    <span className={`status status-${works ? 'green' : 'red'}`}>
      <Icon name={works ? 'check' : 'issues'} size={12} />
      {t(works ? 'health.works' : 'health.doesNot')}
    </span>
  );
}

const COLOURS: Readonly<Record<Audit['state'], string>> = {
  running: 'blue',
  passed: 'green',
  broken: 'red',
  interrupted: 'orange',
};

function AuditPanel(): ReactNode {
  const { t } = useWords();
  const audit = useQuery({
    queryKey: ['audit'],
    queryFn: operations.audit,
    refetchInterval: ({ state }) => (state.data?.state === 'running' ? 500 : 30_000),
  });
  const start = useAction({ run: operations.startAudit, changes: ['audit'] });
  return (
    <Panel
      title={t('audit.title')}
      actions={
        <Button
          size="xs"
          variant="default"
          loading={start.isPending || audit.data?.state === 'running'}
          onClick={() => start.mutate(undefined)}
        >
          {t('audit.start')}
        </Button>
      }
    >
      {start.error !== null && <Failure error={start.error} />}
      <Loaded query={audit}>
        {(last) =>
          last === null ? (
            <Empty icon="ledger" title={t('audit.none')}>
              {t('audit.noneHint')}
            </Empty>
          ) : (
            <Result audit={last} />
          )
        }
      </Loaded>
    </Panel>
  );
}

function Result({ audit }: { readonly audit: Audit }): ReactNode {
  const { t } = useWords();
  const real = useRealTime();
  return (
    <div className="panel-body">
      <p>
        <span className={`status status-plain status-${COLOURS[audit.state]}`}>
          {t(`audit.${audit.state}`)}
        </span>{' '}
        <span className="dim">
          <Time at={audit.finishedAt ?? audit.startedAt} show="full" /> {real('')}
        </span>
      </p>
      <ol className="invariants">
        {audit.invariants.map(({ invariant, rule, violations }) => (
          <li key={invariant} className={violations.length === 0 ? 'up' : 'down'}>
            <Icon name={violations.length === 0 ? 'check' : 'issues'} />
            <div>
              <p className="invariant">{checkText(invariant, rule, t)}</p>
              {violations.map((violation) => (
                <p key={violation}>
                  <code>{violation}</code>
                </p>
              ))}
            </div>
          </li>
        ))}
      </ol>
    </div>
  );
}
