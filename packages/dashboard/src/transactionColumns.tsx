import { type ReactNode, useState } from 'react';
import type { Transaction } from './api.ts';
import { type Key, useWords } from './i18n/index.tsx';
import { Icon } from './icons.tsx';
import { StatusBadge } from './status.tsx';
import { Amount, CopyIcon, Reason, Time } from './ui.tsx';

interface ColumnLook {
  readonly title: Key;
  readonly cell: (row: Transaction) => ReactNode;
  readonly isNumber?: boolean;
  /** Always there. */
  readonly isFixed?: boolean;
  readonly isDefault?: boolean;
}

export const COLUMNS: Readonly<Record<Column, ColumnLook>> = {
  amount: {
    title: 'column.amount',
    cell: (row) => <Amount amount={row.amount} currency={row.currency} strong />,
    isNumber: true,
    isFixed: true,
  },
  status: {
    title: 'column.status',
    cell: (row) => <StatusBadge status={row.status} pending={row.pendingOperation} />,
    isFixed: true,
  },
  order: { title: 'column.order', cell: (row) => <Order row={row} />, isFixed: true },
  method: { title: 'column.method', cell: (row) => <Method row={row} />, isDefault: true },
  type: { title: 'column.type', cell: (row) => <TypeName type={row.type} />, isDefault: true },
  description: { title: 'column.description', cell: (row) => <Text text={row.description} /> },
  captured: {
    title: 'column.captured',
    cell: (row) => <Amount amount={row.capturedAmount} currency={row.currency} />,
    isNumber: true,
  },
  refunded: {
    title: 'column.refunded',
    cell: (row) => <Amount amount={row.refundedAmount} currency={row.currency} />,
    isNumber: true,
  },
  reason: {
    title: 'column.reason',
    cell: (row) => (row.failureCode === null ? <None /> : <Reason code={row.failureCode} />),
    isDefault: true,
  },
  id: { title: 'column.id', cell: (row) => <WholeId id={row.id} /> },
  expires: { title: 'column.expires', cell: (row) => <Time at={row.expiresAt} /> },
  updated: { title: 'column.updated', cell: (row) => <Time at={row.updatedAt} /> },
  created: { title: 'column.created', cell: (row) => <Time at={row.createdAt} />, isDefault: true },
};

export type Column =
  | 'amount'
  | 'status'
  | 'order'
  | 'method'
  | 'type'
  | 'description'
  | 'captured'
  | 'refunded'
  | 'reason'
  | 'id'
  | 'expires'
  | 'updated'
  | 'created';

const STORED_AS = 'columns';

function storedColumns(): readonly Column[] {
  const names = Object.keys(COLUMNS) as Column[];
  const stored = localStorage.getItem(STORED_AS)?.split(',');
  return names.filter((name) => {
    const { isFixed, isDefault } = COLUMNS[name];
    return isFixed === true || (stored?.includes(name) ?? isDefault === true);
  });
}

/** Which columns are shown, as chosen in this browser. */
export function useColumns(): [readonly Column[], (columns: readonly Column[]) => void] {
  const [columns, setColumns] = useState(storedColumns);
  const choose = (chosen: readonly Column[]): void => {
    localStorage.setItem(STORED_AS, chosen.join(','));
    setColumns(chosen);
  };
  return [columns, choose];
}

function None(): ReactNode {
  return <span className="dim">–</span>;
}

function Text({ text }: { readonly text: string | null }): ReactNode {
  if (text === null) return <None />;
  return (
    <span className="cell-text" title={text}>
      {text}
    </span>
  );
}

/** On a phone, where there is no column for it, it says of a refund that it is one. */
function Order({ row }: { readonly row: Transaction }): ReactNode {
  const { t } = useWords();
  return (
    <>
      {row.type === 'refund' && <span className="on-phone">{t('type.refund')} · </span>}
      <Text text={row.orderReference} />
      <CopyIcon text={row.orderReference} />
    </>
  );
}

function WholeId({ id }: { readonly id: string }): ReactNode {
  return (
    <>
      <code className="cell-text" title={id}>
        {id}
      </code>
      <CopyIcon text={id} />
    </>
  );
}

function TypeName({ type }: Pick<Transaction, 'type'>): ReactNode {
  const { t } = useWords();
  return <span className={type === 'refund' ? '' : 'dim'}>{t(`type.${type}`)}</span>;
}

const BRANDS: Readonly<Record<string, string>> = {
  visa: 'Visa',
  mastercard: 'Mastercard',
  'american-express': 'Amex',
  unionpay: 'UnionPay',
  mir: 'Mir',
};

export function Method({
  row,
}: {
  readonly row: Pick<Transaction, 'paymentMethod' | 'cardBrand' | 'last4'>;
}): ReactNode {
  const { t } = useWords();
  const brand = row.cardBrand === null ? null : (BRANDS[row.cardBrand] ?? row.cardBrand);
  return (
    <span className="method">
      <Icon name={row.paymentMethod} />
      {row.paymentMethod === 'wallet' ? t('method.wallet') : (brand ?? t('method.card'))}
      {row.last4 !== null && <span className="last4">•••• {row.last4}</span>}
    </span>
  );
}
