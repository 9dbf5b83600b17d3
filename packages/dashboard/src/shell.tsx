/** The frame around every page: navigation, search, the live feed's mark, the account. */
import { ActionIcon, Badge, Drawer, Popover, Tooltip } from '@mantine/core';
import { Link, Outlet, useNavigate, useRouter } from '@tanstack/react-router';
import { type ReactNode, useEffect, useState } from 'react';
import { session } from './api.ts';
import { Appearance } from './appearance.tsx';
import { useClockOffset, useIsAhead } from './clock.ts';
import { formatSpan } from './format.ts';
import { type Key, useWords } from './i18n/index.tsx';
import { Icon, type IconName } from './icons.tsx';
import { forgetOutcome, outcomeOfProvider } from './identityProvider.tsx';
import { IssueCount } from './issues.tsx';
import { preloadWhenIdle } from './lazyPage.tsx';
import { SetUpFirst } from './pages/setUpFirst.tsx';
import { FinishSignIn, SignIn } from './pages/signIn.tsx';
import { forgetSession, SessionProvider, useMay, useSession, useSessionQuery } from './session.tsx';
import { useSequences, useShortcuts } from './shortcuts.tsx';
import { Coming } from './skeletons.tsx';
import { useFeedState } from './stream.ts';
import { Dialog, Failure, PageAnnouncer, Toasts } from './ui.tsx';

interface NavigationItem {
  readonly to: string;
  readonly label: Key;
  readonly icon: IconName;
}

interface NavigationGroup {
  readonly title: Key | null;
  readonly items: readonly NavigationItem[];
}

const MERCHANT: readonly NavigationItem[] = [
  { to: '/', label: 'nav.overview', icon: 'overview' },
  { to: '/transactions', label: 'nav.transactions', icon: 'transactions' },
  { to: '/payment-links', label: 'nav.paymentLinks', icon: 'link' },
  { to: '/customers', label: 'nav.customers', icon: 'customers' },
  { to: '/balances', label: 'nav.balances', icon: 'ledger' },
  { to: '/issues', label: 'nav.issues', icon: 'issues' },
];
const DEVELOPERS: readonly NavigationItem[] = [
  { to: '/developers/webhooks', label: 'nav.webhooks', icon: 'webhooks' },
  { to: '/developers/requests', label: 'nav.requests', icon: 'requests' },
];
const KEYS: NavigationItem = { to: '/developers/api-keys', label: 'nav.apiKeys', icon: 'key' };
const SANDBOX: NavigationItem = { to: '/developers/sandbox', label: 'nav.sandbox', icon: 'sandbox' };
const USERS: NavigationItem = { to: '/settings/users', label: 'nav.users', icon: 'users' };
const AUDIT_LOG: NavigationItem = { to: '/settings/audit-log', label: 'nav.auditLog', icon: 'auditLog' };
const OPERATOR: readonly NavigationItem[] = [
  { to: '/operator/merchants', label: 'nav.merchants', icon: 'merchants' },
  { to: '/operator/wallet-holders', label: 'nav.walletHolders', icon: 'customers' },
  { to: '/operator/acquirers', label: 'nav.acquirers', icon: 'acquirers' },
  { to: '/operator/ledger', label: 'nav.ledger', icon: 'ledger' },
  { to: '/operator/health', label: 'nav.health', icon: 'health' },
  USERS,
  AUDIT_LOG,
];

function useNavigation(): readonly NavigationGroup[] {
  const { merchant, mode } = useSession();
  const isAdmin = useMay('admin');
  if (merchant === null) return [{ title: 'nav.operator', items: OPERATOR }];
  const sandbox = mode === 'sandbox' ? [SANDBOX] : [];
  return [
    { title: null, items: MERCHANT },
    { title: 'nav.developers', items: [...(isAdmin ? [KEYS] : []), ...DEVELOPERS, ...sandbox] },
    ...(isAdmin ? [{ title: 'nav.settings', items: [USERS, AUDIT_LOG] } as const] : []),
  ];
}

/** The root of all pages: signs in first, wherever somebody wants to go. */
export function Shell(): ReactNode {
  const query = useSessionQuery();
  const [isSettingUp, setSettingUp] = useState(false);
  const [isProved, setProved] = useState(outcomeOfProvider() === 'proved');
  if (isProved)
    return (
      <FinishSignIn
        done={() => {
          forgetOutcome();
          setProved(false);
        }}
      />
    );
  // The session is asked for again at any time, and needs no set-up before its user has copied the recovery codes.
  if (isSettingUp) return <SetUpFirst hold={setSettingUp} />;
  if (query.data === undefined) {
    return query.error === null ? (
      <Coming shape="frame" lines={0} />
    ) : (
      <main className="sign-in">
        <Failure error={query.error} retry={() => void query.refetch()} />
      </main>
    );
  }
  if (query.data === null) return <SignIn />;
  if (query.data.mustSetUpSecondFactor) return <SetUpFirst hold={setSettingUp} />;
  return (
    <SessionProvider value={query.data} key={query.data.user.id}>
      <Frame />
    </SessionProvider>
  );
}

function Frame(): ReactNode {
  const { t } = useWords();
  const [isMenuOpen, setMenuOpen] = useState(false);
  const [isHelpOpen, setHelpOpen] = useState(false);
  useGlobalShortcuts(() => setHelpOpen(true));
  useEffect(preloadWhenIdle, []);
  useFocusOfPages();
  return (
    <div className="frame">
      <a className="skip" href={`#${CONTENT_ID}`}>
        {t('skipToContent')}
      </a>
      <aside className="sidebar">
        <Navigation />
      </aside>
      <div className="main-column">
        <header className="topbar">
          <span className="phone-only">
            <ActionIcon
              variant="subtle"
              color="gray"
              size="lg"
              aria-label={t('menu')}
              onClick={() => setMenuOpen(true)}
            >
              <Icon name="menu" />
            </ActionIcon>
          </span>
          <Search />
          <div className="topbar-end">
            <ClockMark />
            <LiveMark />
            <span className="wide-only">
              <Tooltip label={t('shortcuts.title')}>
                <ActionIcon
                  variant="subtle"
                  color="gray"
                  aria-label={t('shortcuts.title')}
                  onClick={() => setHelpOpen(true)}
                >
                  <Icon name="keyboard" />
                </ActionIcon>
              </Tooltip>
            </span>
            <Account />
          </div>
        </header>
        <main id={CONTENT_ID} className="content" tabIndex={-1}>
          <Outlet />
        </main>
      </div>
      <Drawer
        opened={isMenuOpen}
        onClose={() => setMenuOpen(false)}
        size={280}
        title="Plexy Pay"
        closeButtonProps={{ 'aria-label': t('close') }}
      >
        <Navigation follow={() => setMenuOpen(false)} />
      </Drawer>
      {isHelpOpen && <ShortcutHelp close={() => setHelpOpen(false)} />}
      <Toasts />
      <PageAnnouncer />
    </div>
  );
}

const CONTENT_ID = 'content';

/** What was followed is gone with its page: the keyboard goes on where the new one begins. */
function useFocusOfPages(): void {
  const router = useRouter();
  useEffect(
    () =>
      router.subscribe('onRendered', ({ pathChanged }) => {
        const isLost = document.activeElement === null || document.activeElement === document.body;
        if (pathChanged && isLost) document.getElementById(CONTENT_ID)?.focus({ preventScroll: true });
      }),
    [router],
  );
}

function Navigation({ follow }: { readonly follow?: () => void }): ReactNode {
  const { t } = useWords();
  const { merchant, mode } = useSession();
  const groups = useNavigation();
  return (
    <nav className="navigation" aria-label={t('nav.label')}>
      <div className="brand">
        <img src="/dashboard/icon.svg" alt="" width={24} height={24} />
        <span className="brand-name">{merchant?.name ?? t('nav.operator')}</span>
        {mode === 'sandbox' && <span className="mode">{t('mode.sandbox')}</span>}
      </div>
      {groups.map(({ title, items }) => (
        <div key={title ?? 'main'} className="navigation-group">
          {title !== null && merchant !== null && <p className="navigation-title">{t(title)}</p>}
          {items.map(({ to, label, icon }) => (
            <Link
              key={to}
              to={to}
              className="navigation-link"
              {...(follow === undefined ? {} : { onClick: follow })}
              activeOptions={{ exact: to === '/' }}
            >
              <Icon name={icon} />
              {t(label)}
              {to === '/issues' && <IssueCount />}
            </Link>
          ))}
        </div>
      ))}
      {merchant !== null && (
        <a href="/docs" target="_blank" rel="noreferrer" className="navigation-link">
          <Icon name="docs" />
          {t('nav.docs')}
        </a>
      )}
    </nav>
  );
}

const SEARCH_ID = 'search';

function Search(): ReactNode {
  const { t } = useWords();
  const { merchant } = useSession();
  const navigate = useNavigate();
  const [text, setText] = useState('');
  if (merchant === null) return <span className="search" />;
  return (
    <search className="search">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (text.trim() !== '') void navigate({ to: '/transactions', search: { query: text.trim() } });
        }}
      >
        <Icon name="search" />
        <input
          id={SEARCH_ID}
          type="search"
          value={text}
          placeholder={t('search.placeholder')}
          aria-label={t('search.placeholder')}
          onChange={(event) => setText(event.currentTarget.value)}
        />
        <kbd className="wide-only">/</kbd>
      </form>
    </search>
  );
}

/** That the sandbox's clock is ahead, and by how much: it is what most times of these pages go by. */
function ClockMark(): ReactNode {
  const { t, language } = useWords();
  const offsetMs = useClockOffset();
  const isAhead = useIsAhead();
  const { merchant } = useSession();
  if (!isAhead) return null;
  // Operators have no lever of it.
  const to = merchant === null ? '/operator/health' : '/developers/sandbox';
  return (
    <Tooltip label={t('clock.hint')} multiline maw={320}>
      <Badge variant="light" color="orange" tt="none" renderRoot={(props) => <Link to={to} {...props} />}>
        {t('clock.ahead', { span: formatSpan(offsetMs / 1_000, language) })}
      </Badge>
    </Tooltip>
  );
}

function LiveMark(): ReactNode {
  const { t } = useWords();
  const state = useFeedState();
  if (state === null) return null;
  const label: Key = state === 'live' ? 'feed.live' : state === 'lost' ? 'feed.lost' : 'feed.connecting';
  return (
    <span
      className={`live live-${state}`}
      role="status"
      title={t(state === 'lost' ? 'feed.lostHint' : 'feed.liveHint')}
    >
      <span className="live-dot" aria-hidden="true" />
      <span className="live-label">{t(label)}</span>
    </span>
  );
}

function Account(): ReactNode {
  const { t } = useWords();
  const { user } = useSession();
  const [isOpen, setOpen] = useState(false);
  const leave = (request: () => Promise<unknown>): void => void request().finally(forgetSession);
  return (
    <Popover opened={isOpen} onChange={setOpen} position="bottom-end" width={280} trapFocus returnFocus>
      <Popover.Target>
        <button
          type="button"
          className="account"
          aria-label={t('account.label')}
          onClick={() => setOpen(!isOpen)}
        >
          {user.name.slice(0, 1).toUpperCase()}
        </button>
      </Popover.Target>
      <Popover.Dropdown aria-label={t('account.label')} p={4}>
        <div className="account-who">
          <strong>{user.name}</strong>
          <span className="dim">{user.email}</span>
          <span className="dim">{t(`role.${user.role}`)}</span>
        </div>
        <Appearance />
        <div className="account-actions">
          <Link to="/account/security" className="choice" onClick={() => setOpen(false)}>
            {t('account.security')}
          </Link>
          <button type="button" className="choice" onClick={() => leave(session.signOut)}>
            {t('account.signOut')}
          </button>
          <button type="button" className="choice" onClick={() => leave(session.signOutEverywhere)}>
            {t('account.signOutEverywhere')}
          </button>
        </div>
      </Popover.Dropdown>
    </Popover>
  );
}

function useGlobalShortcuts(openHelp: () => void): void {
  const navigate = useNavigate();
  const { merchant } = useSession();
  const to = (path: string) => () => void navigate({ to: path });
  useSequences();
  useShortcuts(
    merchant === null
      ? { '?': openHelp, 'KeyG KeyM': to('/operator/merchants'), 'KeyG KeyH': to('/operator/health') }
      : {
          '?': openHelp,
          '/': () => document.getElementById(SEARCH_ID)?.focus(),
          'KeyG KeyO': to('/'),
          'KeyG KeyT': to('/transactions'),
          'KeyG KeyI': to('/issues'),
        },
  );
}

const SHORTCUTS: readonly (readonly [keys: string, what: Key])[] = [
  ['/', 'shortcuts.search'],
  ['G O', 'shortcuts.overview'],
  ['G T', 'shortcuts.transactions'],
  ['G I', 'shortcuts.issues'],
  ['J K', 'shortcuts.rows'],
  ['P', 'shortcuts.pause'],
  ['C', 'shortcuts.capture'],
  ['X', 'shortcuts.cancel'],
  ['R', 'shortcuts.refund'],
  ['?', 'shortcuts.help'],
];

function ShortcutHelp({ close }: { readonly close: () => void }): ReactNode {
  const { t } = useWords();
  return (
    <Dialog title={t('shortcuts.title')} close={close}>
      <dl className="shortcut-list">
        {SHORTCUTS.map(([keys, what]) => (
          <div key={keys}>
            <dt>
              {keys.split(' ').map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{t(what)}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
