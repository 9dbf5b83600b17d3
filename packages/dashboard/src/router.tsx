/** Which page stands at which address. Each page is loaded when it is first opened. */
import { createRootRoute, createRoute, createRouter, Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { useWords } from './i18n/index.tsx';
import { lazyPage } from './lazyPage.tsx';
import { Shell } from './shell.tsx';
import { Empty, Failure } from './ui.tsx';

/** Search parameters are plain texts, as people write and share them. */
export type Search = Readonly<Record<string, string | undefined>>;

const root = createRootRoute({
  component: Shell,
  notFoundComponent: NotFound,
  validateSearch: (search): Search => search as Search,
});

const page = <Path extends string>(path: Path, load: () => Promise<{ default: () => ReactNode }>) =>
  createRoute({ getParentRoute: () => root, path, component: lazyPage(load) });

const routes = root.addChildren([
  page('/', () => import('./pages/overview.tsx')),
  page('/transactions', () => import('./pages/transactions.tsx')),
  page('/transactions/$id', () => import('./pages/transaction.tsx')),
  page('/payment-links', () => import('./pages/links.tsx')),
  page('/payment-links/$id', () => import('./pages/link.tsx')),
  page('/customers', () => import('./pages/customers.tsx')),
  page('/customers/$id', () => import('./pages/customer.tsx')),
  page('/balances', () => import('./pages/balances.tsx')),
  page('/developers/api-keys', () => import('./pages/apiKeys.tsx')),
  page('/settings/users', () => import('./pages/users.tsx')),
  page('/account/security', () => import('./pages/security.tsx')),
  page('/settings/audit-log', () => import('./pages/auditLog.tsx')),
  page('/developers/webhooks', () => import('./pages/webhooks.tsx')),
  page('/developers/webhooks/$id', () => import('./pages/webhook.tsx')),
  page('/developers/requests', () => import('./pages/requests.tsx')),
  page('/issues', () => import('./pages/issues.tsx')),
  page('/developers/sandbox', () => import('./pages/sandbox.tsx')),
  page('/operator/merchants', () => import('./pages/merchants.tsx')),
  page('/operator/merchants/$id', () => import('./pages/merchant.tsx')),
  page('/operator/wallet-holders', () => import('./pages/walletHolders.tsx')),
  page('/operator/wallet-holders/$id', () => import('./pages/walletHolder.tsx')),
  page('/operator/acquirers', () => import('./pages/acquirers.tsx')),
  page('/operator/health', () => import('./pages/health.tsx')),
  page('/operator/ledger', () => import('./pages/ledger.tsx')),
]);

export const router = createRouter({
  routeTree: routes,
  basepath: '/dashboard',
  defaultPreload: 'intent',
  defaultErrorComponent: ({ error, reset }) => <Failure error={error} retry={reset} />,
  scrollRestoration: true,
  parseSearch: (text) => Object.fromEntries(new URLSearchParams(text)),
  stringifySearch: (search: Record<string, unknown>) => {
    const given = Object.entries(search).flatMap(([name, value]) =>
      value === undefined || value === '' ? [] : [[name, String(value)]],
    );
    const text = new URLSearchParams(given).toString().replaceAll('%2C', ',').replaceAll('%3A', ':');
    return text === '' ? '' : `?${text}`;
  },
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}

function NotFound(): ReactNode {
  const { t } = useWords();
  return (
    <Empty icon="search" title={t('notFound.title')}>
      <Link to="/">{t('notFound.back')}</Link>
    </Empty>
  );
}
