/** Signing in at the operator's identity provider: the way there, and back. */
import { Button } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { type ReactNode, useEffect } from 'react';
import { session } from './api.ts';
import { useWords } from './i18n/index.tsx';
import { Failure } from './ui.tsx';

/** What people call it; null: there is none. */
export const providerName =
  document.querySelector<HTMLMetaElement>('meta[name=identity-provider]')?.content ?? null;

const OUTCOME = 'oidc';
/** What the server takes for a page of its own. */
const OWN_PAGE = /^\/dashboard(?:[/?][!-[\]-~]*)?$/;
const MAX_LENGTH = 2_000;

/**
 * How the browser has come back: `proved`, `link`, or the reason why not; null: it has not. It is taken out of the
 * address before the pages look at that, so that a reload does not come back again.
 */
let outcome = takeOutcome();

function takeOutcome(): string | null {
  const url = new URL(location.href);
  const found = url.searchParams.get(OUTCOME);
  if (found === null) return null;
  url.searchParams.delete(OUTCOME);
  history.replaceState(history.state, '', url);
  return found;
}

export function outcomeOfProvider(): string | null {
  return outcome;
}

/** Whoever has dealt with it. */
export function forgetOutcome(): void {
  outcome = null;
}

/** This page, to come back to. */
function ownPage(): string {
  const page = `${location.pathname}${location.search}`;
  return OWN_PAGE.test(page) && page.length <= MAX_LENGTH ? page : '/dashboard';
}

interface ProviderButtonProps {
  /** Whether the provider must ask who it is, also if it knows. */
  readonly isAgain?: boolean;
}

/** Leads to the provider; nothing where there is none. */
export function ProviderButton({ isAgain = false }: ProviderButtonProps): ReactNode {
  const { t } = useWords();
  const begin = useMutation({
    mutationFn: () => session.beginOidc(ownPage(), isAgain),
    onSuccess: ({ url }) => location.assign(url),
  });
  const { reset } = begin;
  useEffect(() => {
    // Browsers bring the page back as it was left, on its way.
    const comeBack = ({ persisted }: PageTransitionEvent): void => {
      if (persisted) reset();
    };
    window.addEventListener('pageshow', comeBack);
    return () => window.removeEventListener('pageshow', comeBack);
  }, [reset]);
  if (providerName === null) return null;
  return (
    <>
      {begin.error !== null && <Failure error={begin.error} />}
      <Button
        variant="default"
        fullWidth
        // Until the provider's page is there.
        loading={begin.isPending || begin.isSuccess}
        onClick={() => begin.mutate()}
      >
        {t(isAgain ? 'signIn.again' : 'signIn.provider', { name: providerName })}
      </Button>
    </>
  );
}
