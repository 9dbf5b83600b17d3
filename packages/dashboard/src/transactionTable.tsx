import { Link, useNavigate, useRouter } from '@tanstack/react-router';
import { type MouseEvent, type ReactNode, useEffect, useRef } from 'react';
import type { Transaction } from './api.ts';
import { useWords } from './i18n/index.tsx';
import { useShortcuts } from './shortcuts.tsx';
import { COLUMNS, type Column } from './transactionColumns.tsx';

interface Props {
  readonly rows: readonly Transaction[];
  readonly columns: readonly Column[];
  readonly label: string;
}

/** Within these a click is theirs. */
const OWN_CLICKS = 'a, button, input, label';
/** A mouse that moves further while it is pressed selects text. */
const DRAG_PX = 4;

interface RowClicks {
  onMouseDown(event: MouseEvent): void;
  onClick(event: MouseEvent): void;
  onAuxClick(event: MouseEvent): void;
}

/**
 * A click anywhere in a row opens it, as its link does: in a new tab with the middle button, Ctrl or ⌘. Text can
 * still be selected.
 */
function useRowClicks(): (id: string) => RowClicks {
  const navigate = useNavigate();
  const router = useRouter();
  const pressedAt = useRef({ x: 0, y: 0 });
  const isOwn = ({ target }: MouseEvent): boolean =>
    target instanceof Element && target.closest(OWN_CLICKS) !== null;
  const openTab = (id: string): void => {
    const { href } = router.buildLocation({ to: '/transactions/$id', params: { id } });
    window.open(router.history.createHref(href), '_blank', 'noopener');
  };
  return (id) => ({
    onMouseDown: ({ clientX, clientY }) => {
      pressedAt.current = { x: clientX, y: clientY };
    },
    onClick: (event) => {
      const { x, y } = pressedAt.current;
      const isDrag = Math.hypot(event.clientX - x, event.clientY - y) > DRAG_PX;
      if (isOwn(event) || isDrag || getSelection()?.type === 'Range') return;
      if (event.ctrlKey || event.metaKey || event.shiftKey) openTab(id);
      else void navigate({ to: '/transactions/$id', params: { id } });
    },
    onAuxClick: (event) => {
      if (event.button === 1 && !isOwn(event)) openTab(id);
    },
  });
}

/** Rows of transactions, each a link to its page. On a phone the same rows are cards: see app.css. */
export function TransactionTable({ rows, columns, label }: Props): ReactNode {
  const { t } = useWords();
  const table = useRef<HTMLTableElement>(null);
  const isNew = useNovelty(rows);
  const clicksOf = useRowClicks();
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
            // The keyboard has the link in the row.
            <tr key={row.id} className={isNew(row) ? 'row-new' : ''} data-id={row.id} {...clicksOf(row.id)}>
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
