import { Button, Menu } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { type Issue, issues } from '../api.ts';
import { useRealTime } from '../clock.ts';
import { filtersOf } from '../filters.ts';
import { type Key, useWords } from '../i18n/index.tsx';
import { Icon } from '../icons.tsx';
import { titleOf, useIssues } from '../issues.tsx';
import { useAction } from '../list.tsx';
import { useMay } from '../session.tsx';
import { Empty, Failure, Loaded, Page, Panel, Time } from '../ui.tsx';

export default function Issues(): ReactNode {
  const { t } = useWords();
  const query = useIssues();
  return (
    <Page title={t('nav.issues')} lead={t('issue.lead')}>
      {query.error !== null && query.data !== undefined && <Failure error={query.error} />}
      <Loaded query={query}>
        {({ items }) => {
          const open = items.filter(({ mutedUntil }) => mutedUntil === null);
          const muted = items.filter(({ mutedUntil }) => mutedUntil !== null);
          return (
            <div className="column">
              {open.length === 0 ? (
                <Empty icon="check" title={t('issue.none')}>
                  {t('issue.noneHint')}
                </Empty>
              ) : (
                <IssueList items={open} />
              )}
              {muted.length > 0 && (
                <Panel title={t('issue.muted')}>
                  <IssueList items={muted} />
                </Panel>
              )}
            </div>
          );
        }}
      </Loaded>
    </Page>
  );
}

function IssueList({ items }: { readonly items: readonly Issue[] }): ReactNode {
  return (
    <ul className="issues">
      {items.map((issue) => (
        <IssueRow key={issue.id} issue={issue} />
      ))}
    </ul>
  );
}

const MUTES: readonly (readonly [seconds: number, label: Key])[] = [
  [3_600, 'issue.muteHour'],
  [86_400, 'issue.muteDay'],
  [7 * 86_400, 'issue.muteWeek'],
];

/** Leads to what an issue is about. */
function Evidence({ issue: { kind, evidence } }: { readonly issue: Issue }): ReactNode {
  const { t } = useWords();
  if (kind === 'webhook_endpoint_failing')
    return (
      <Button
        size="xs"
        variant="default"
        renderRoot={(props) => <Link to="/developers/webhooks/$id" params={{ id: evidence }} {...props} />}
      >
        {t('issue.endpoint')}
      </Button>
    );
  const search = filtersOf(Object.fromEntries(new URLSearchParams(evidence)));
  return (
    <Button
      size="xs"
      variant="default"
      renderRoot={(props) => <Link to="/transactions" search={search} {...props} />}
    >
      {t('issue.evidence')}
    </Button>
  );
}

function IssueRow({ issue }: { readonly issue: Issue }): ReactNode {
  const { t, language } = useWords();
  const real = useRealTime();
  const mayMute = useMay('manager');
  const { id, severity, since, mutedUntil } = issue;
  const mute = useAction({
    run: (seconds: number) => issues.mute(id, seconds),
    done: t('saved'),
    changes: ['issues'],
  });
  return (
    <li className={`issue issue-${severity}`}>
      <Icon name="issues" size={18} />
      <div className="issue-text">
        <p>
          <strong>{titleOf(issue, t, language)}</strong>{' '}
          <span className={`status status-plain status-${severity === 'critical' ? 'red' : 'orange'}`}>
            {t(`issue.severity.${severity}`)}
          </span>
        </p>
        <p className="dim">
          {t('issue.since')} <Time at={since} />
          {mutedUntil !== null && (
            <>
              {' · '}
              {t('issue.mutedUntil')} <Time at={mutedUntil} /> {real('')}
            </>
          )}
        </p>
        {mute.error !== null && <Failure error={mute.error} />}
      </div>
      <div className="buttons">
        <Evidence issue={issue} />
        {mayMute &&
          (mutedUntil === null ? (
            <Menu position="bottom-end">
              <Menu.Target>
                <Button size="xs" variant="default" loading={mute.isPending}>
                  {t('issue.mute')}
                </Button>
              </Menu.Target>
              <Menu.Dropdown>
                {MUTES.map(([seconds, label]) => (
                  <Menu.Item key={seconds} onClick={() => mute.mutate(seconds)}>
                    {t(label)}
                  </Menu.Item>
                ))}
              </Menu.Dropdown>
            </Menu>
          ) : (
            <Button size="xs" variant="default" loading={mute.isPending} onClick={() => mute.mutate(0)}>
              {t('issue.unmute')}
            </Button>
          ))}
      </div>
    </li>
  );
}
