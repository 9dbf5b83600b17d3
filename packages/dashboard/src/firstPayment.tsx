/** What to do while there are no payments: make one, by the sandbox's page or by the API. */
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { useWords } from './i18n/index.tsx';
import { useMay, useSession } from './session.tsx';
import { CopyButton, Empty } from './ui.tsx';

/** The demo store's key and customer, as they are in every sandbox. */
function sandboxCommand(): string {
  return `curl -sS ${location.origin}/v1/wallet/authorize \\
  -H 'Authorization: pr_test_demo' \\
  -H 'Idempotency-Key: order-1' \\
  -H 'Content-Type: application/json' \\
  -d '{"amount":15000,"currency":"KZT","phoneNumber":"+77010000001","iin":"900101300017","orderReference":"ORDER-1"}'`;
}

const DEMO_STORE = '01900000-0000-7000-8000-000000000001';

export function FirstPayment(): ReactNode {
  const { t } = useWords();
  const { mode, merchant } = useSession();
  const mayPay = useMay('manager');
  const command = sandboxCommand();
  return (
    <Empty icon="transactions" title={t('list.empty')}>
      <p>{t('list.emptyHint')}</p>
      <p>
        {mode === 'sandbox' && mayPay && (
          <>
            <Link to="/developers/sandbox">{t('list.makeFirst')}</Link>
            {' · '}
          </>
        )}
        <a href="/docs">{t('nav.docs')}</a>
      </p>
      {mode === 'sandbox' && merchant?.id === DEMO_STORE && (
        <div className="first-command">
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard */}
          <section className="code-box" aria-label={t('list.firstCommand')} tabIndex={0}>
            <pre>{command}</pre>
          </section>
          <CopyButton text={command} label={t('list.copyCommand')} />
        </div>
      )}
    </Empty>
  );
}
