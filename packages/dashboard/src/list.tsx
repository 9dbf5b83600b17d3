/** Lists of every kind: a table, more of it by cursor, and what to say when there is nothing. */
import { Button } from '@mantine/core';
import { type QueryKey, useInfiniteQuery, useMutation } from '@tanstack/react-query';
import { type ReactNode, useEffect } from 'react';
import type { Page, Query } from './api.ts';
import { useWords } from './i18n/index.tsx';
import { queryClient } from './session.tsx';
import { Failure, Loaded, say } from './ui.tsx';

export interface ListColumn<T> {
  readonly title: string;
  readonly cell: (row: T) => ReactNode;
  readonly isNumber?: boolean;
}

interface TableProps<T> {
  readonly label: string;
  readonly rows: readonly T[];
  readonly keyOf: (row: T) => string;
  readonly columns: readonly ListColumn<T>[];
}

export function Table<T>({ label, rows, keyOf, columns }: TableProps<T>): ReactNode {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard
    <section className="table-scroll" aria-label={label} tabIndex={0}>
      <table className="table">
        <thead>
          <tr>
            {columns.map(({ title, isNumber }) => (
              <th key={title} scope="col" className={isNumber ? 'number' : ''}>
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={keyOf(row)}>
              {columns.map(({ title, cell, isNumber }) => (
                <td key={title} className={isNumber ? 'number' : ''}>
                  {cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

interface ListProps<T> extends Omit<TableProps<T>, 'rows'> {
  readonly queryKey: QueryKey;
  readonly load: (query: Query) => Promise<Page<T>>;
  readonly empty: ReactNode;
  readonly refetchMs?: number;
  /** The fields by which the list is filtered: what is wrong with one is told to `onError`, and shown there. */
  readonly fields?: readonly string[];
  readonly onError?: (error: unknown) => void;
}

export function List<T>({
  queryKey,
  load,
  empty,
  refetchMs,
  fields,
  onError,
  ...table
}: ListProps<T>): ReactNode {
  const { t } = useWords();
  const query = useInfiniteQuery({
    queryKey,
    queryFn: ({ pageParam }) => load(pageParam === undefined ? {} : { cursor: pageParam }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.nextCursor ?? undefined,
    refetchInterval: refetchMs ?? false,
  });
  useEffect(() => onError?.(query.error), [onError, query.error]);
  return (
    <Loaded query={query} shape="table" lines={6} {...(fields === undefined ? {} : { fields })}>
      {({ pages }) => {
        const rows = pages.flatMap(({ items }) => items);
        if (rows.length === 0) return empty;
        return (
          <>
            <Table rows={rows} {...table} />
            {query.error !== null && <Failure error={query.error} retry={() => void query.refetch()} />}
            {query.hasNextPage && (
              <div className="more">
                <Button
                  variant="default"
                  size="xs"
                  loading={query.isFetchingNextPage}
                  onClick={() => void query.fetchNextPage()}
                >
                  {t('list.more')}
                </Button>
              </div>
            )}
          </>
        );
      }}
    </Loaded>
  );
}

interface ActionOptions<Input, Output> {
  readonly run: (input: Input) => Promise<Output>;
  /** What to say when it is done. */
  readonly done?: string;
  readonly andThen?: (output: Output) => void;
  /** What has to be read again. */
  readonly changes: QueryKey;
}

/** Something that a person does: says when it is done, and reads again what it has changed. */
export function useAction<Input, Output>({ run, done, andThen, changes }: ActionOptions<Input, Output>) {
  return useMutation({
    mutationFn: run,
    onSuccess: (output: Output) => {
      if (done !== undefined) say(done);
      andThen?.(output);
    },
    onSettled: () => queryClient.invalidateQueries({ queryKey: changes }),
  });
}
