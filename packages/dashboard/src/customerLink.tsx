import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { customers } from './api.ts';
import { nameOf } from './customerDialogs.tsx';
import { useWords } from './i18n/index.tsx';
import { Id } from './ui.tsx';

/** A customer by name; the id where there is nobody: payments and links of before could be made with any. */
export function CustomerLink({ id }: { readonly id: string }): ReactNode {
  const { t } = useWords();
  const { data } = useQuery({ queryKey: ['customers', id], queryFn: () => customers.get(id), retry: false });
  if (data === undefined) return <Id id={id} short />;
  return (
    <Link to="/customers/$id" params={{ id }}>
      {nameOf(data, t)}
    </Link>
  );
}
