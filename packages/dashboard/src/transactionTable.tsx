import { Link } from '@tanstack/react-router';
import { type ReactNode, useEffect, useRef } from 'react';
import type { Transaction } from './api.ts';
import { useWords } from './i18n/index.tsx';
import { useShortcuts } from './shortcuts.tsx';
import { COLUMNS, type Column } from './transactionColumns.tsx';

interface Props {
  readonly rows: readonly Transaction[];
  readonly columns: readonly Column[];
  readonly label: string;
}

/** Rows of transactions, each a link to its page. On a phone the same rows are cards: see app.css. */
export function TransactionTable({ rows, columns, label }: Props): ReactNode {
  const { t } = useWords();
  const table = useRef<HTMLTableElement>(null);
  const isNew = useNovelty(rows);
  const step = (by: 1 | -1) => () => {
    const links = [...(table.current?.querySelectorAll<HTMLAnchorElement>('a.row-link') ?? [])];
    const at = links.indexOf(document.activeElement as HTMLAnchorElement);
    links[at === -1 ? 0 : Math.min(Math.max(at + by, 0), links.length - 1)]?.focus();
  };
  useShortcuts({ KeyJ: step(1), KeyK: step(-1) });
  return (
    <div className="table-scroll">
      <table className="table transactions" ref={table} aria-label={label}>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column} scope="col" className={COLUMNS[column].isNumber ? 'number' : ''}>
                {t(COLUMNS[column].title)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.id} className={isNew(row) ? 'row-new' : ''} data-id={row.id}>
              {columns.map((column) => (
                <td key={column} className={`cell-${column} ${COLUMNS[column].isNumber ? 'number' : ''}`}>
                  {column === 'amount' ? (
                    <Link to="/transactions/$id" params={{ id: row.id }} className="row-link">
                      {COLUMNS[column].cell(row)}
                    </Link>
                  ) : (
                    COLUMNS[column].cell(row)
                  )}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Whether a row came or changed after the table was first shown, so that it is marked for a moment. */
function useNovelty(rows: readonly Transaction[]): (row: Transaction) => boolean {
  const seen = useRef<Map<string, string> | null>(null);
  const before = seen.current;
  useEffect(() => {
    seen.current = new Map(rows.map((row) => [row.id, row.updatedAt]));
  }, [rows]);
  return (row) => before !== null && before.get(row.id) !== row.updatedAt;
}
