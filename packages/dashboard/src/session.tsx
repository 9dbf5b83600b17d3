/** Who is signed in, and what they may do. The server checks it all again. */
import { QueryCache, QueryClient, useQuery } from '@tanstack/react-query';
import { createContext, type ReactNode, useContext, useEffect, useMemo } from 'react';
import { PlexyPayError, type Role, type Session, session, type Transaction } from './api.ts';
import { FeedContext, LiveFeed } from './stream.ts';

export const SESSION_KEY = ['session'] as const;

export const queryClient: QueryClient = new QueryClient({
  defaultOptions: { queries: { retry: false, staleTime: 5_000, refetchOnWindowFocus: true } },
  queryCache: new QueryCache({
    onError: (error, query) => {
      const isOver =
        error instanceof PlexyPayError && error.status === 401 && query.queryKey[0] !== 'session';
      if (isOver) forgetSession();
    },
  }),
});

/** Everything that was read by this session goes with it. */
export function forgetSession(): void {
  queryClient.setQueryData(SESSION_KEY, null);
  queryClient.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== SESSION_KEY[0] });
}

export function useSessionQuery() {
  return useQuery({
    queryKey: SESSION_KEY,
    queryFn: () =>
      session.get().catch((error: unknown) => {
        if (error instanceof PlexyPayError && error.status === 401) return null;
        throw error;
      }),
    staleTime: 60_000,
  });
}

const SessionContext = createContext<Session | null>(null);

export function useSession(): Session {
  const current = useContext(SessionContext);
  if (current === null) throw new Error('nobody is signed in');
  return current;
}

const RANK: Readonly<Record<Role, number>> = { viewer: 0, manager: 1, admin: 2, operator: 2 };

/** Whether the role of who is signed in is at least this one. */
export function useMay(role: 'manager' | 'admin'): boolean {
  return RANK[useSession().user.role] >= RANK[role];
}

const FIRST_DELAY_MS = 60;
const INTERVAL_MS = 400;

/** Reads again what events have changed: soon after the first one, and not more often than people can see. */
function createFeed(): LiveFeed {
  const changed = new Set<string>();
  let haveLinksChanged = false;
  let isDue = false;
  let last = 0;
  const refresh = (): void => {
    isDue = false;
    last = Date.now();
    if (haveLinksChanged) void queryClient.invalidateQueries({ queryKey: ['paymentLinks'] });
    haveLinksChanged = false;
    if (changed.size === 0) return;
    void queryClient.invalidateQueries({ queryKey: ['transactions'] });
    const ids = new Set(changed);
    changed.clear();
    void queryClient.invalidateQueries({
      queryKey: ['transaction'],
      // Pages may have been opened by the other spelling of the id.
      predicate: ({ queryKey: [, id], state }) =>
        ids.has(String(id)) || ids.has((state.data as Transaction | undefined)?.id ?? ''),
    });
  };
  const refreshSoon = (): void => {
    if (isDue) return;
    isDue = true;
    setTimeout(refresh, Math.max(FIRST_DELAY_MS, last + INTERVAL_MS - Date.now()));
  };
  return new LiveFeed({
    onEvent: ({ id, parentTransactionId }) => {
      changed.add(id);
      if (parentTransactionId !== null) changed.add(parentTransactionId);
      refreshSoon();
    },
    onLinkEvent: () => {
      haveLinksChanged = true;
      refreshSoon();
    },
    onCatchUp: () => void queryClient.invalidateQueries(),
  });
}

export function SessionProvider({ value, children }: { value: Session; children: ReactNode }): ReactNode {
  const isMerchant = value.merchant !== null;
  const feed = useMemo(() => (isMerchant ? createFeed() : null), [isMerchant]);
  useEffect(() => feed?.followBrowser(), [feed]);
  return (
    <SessionContext value={value}>
      <FeedContext value={feed}>{children}</FeedContext>
    </SessionContext>
  );
}
