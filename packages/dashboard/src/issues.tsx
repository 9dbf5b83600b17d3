/** What needs attention, as the server finds it, in words. */
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { type Issue, issues } from './api.ts';
import { formatDuration, formatNumber, formatShare, type Language } from './format.ts';
import { type Translate, useWords } from './i18n/index.tsx';
import { reasonText } from './reasons.ts';
import { useSession } from './session.tsx';

export function useIssues() {
  const { merchant } = useSession();
  return useQuery({
    queryKey: ['issues'],
    queryFn: issues.list,
    enabled: merchant !== null,
    refetchInterval: 5_000,
  });
}

/** How many issues nobody has muted, beside their name in the navigation. */
export function IssueCount(): ReactNode {
  const { t } = useWords();
  const { data } = useIssues();
  const count = data?.items.filter(({ mutedUntil }) => mutedUntil === null).length ?? 0;
  if (count === 0) return null;
  return (
    <span className="issue-count" title={t('issue.open', { count })}>
      {count}
    </span>
  );
}

export function titleOf({ kind, data, count }: Issue, t: Translate, language: Language): string {
  const share = (part = 0, whole = 0): string => formatShare(whole === 0 ? 0 : part / whole, language);
  const values = {
    count: formatNumber(count, language),
    now: share(data.succeeded, data.decided),
    usually: share(data.usuallySucceeded, data.usuallyDecided),
    reason: data.reason === undefined ? '' : reasonText(data.reason, t),
    oldest: formatDuration(data.oldestSeconds ?? 0, language),
    soonest: formatDuration(data.soonestSeconds ?? 0, language),
    url: data.url ?? '',
    cards: formatNumber(data.cards ?? 0, language),
    attempts: formatNumber(data.attempts ?? 0, language),
  };
  if (data.disabledReason !== undefined) return t(`issue.endpoint_${data.disabledReason}`, values);
  return t(`issue.${kind}`, values);
}
