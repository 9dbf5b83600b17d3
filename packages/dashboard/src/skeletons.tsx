/** The outlines of what is being loaded, so that nothing jumps when it comes. */
import { Skeleton } from '@mantine/core';
import type { ReactNode } from 'react';
import { useWords } from './i18n/index.tsx';

/** `details`: a head over two columns. `overview`: tiles over two charts. */
export type Shape = 'lines' | 'table' | 'details' | 'overview' | 'frame';

interface Props {
  readonly shape: Shape;
  /** Of text, or rows of a table. */
  readonly lines: number;
}

/** Lines of different lengths look like text; the pattern is the same each time. */
const WIDTHS = ['92%', '78%', '85%', '64%'] as const;

export function Coming({ shape, lines }: Props): ReactNode {
  const { t } = useWords();
  return (
    <div className={`loading loading-${shape}`} role="status" aria-label={t('loading')}>
      {outlineOf(shape, lines)}
    </div>
  );
}

function outlineOf(shape: Shape, lines: number): ReactNode {
  switch (shape) {
    case 'lines':
      return <Lines count={lines} />;
    case 'table':
      return <Rows count={lines} />;
    case 'details':
      return (
        <>
          <Skeleton height={14} width={180} radius="sm" />
          <Skeleton height={32} width={240} radius="sm" />
          <div className="two-columns">
            <Box lines={6} />
            <Box lines={4} />
          </div>
        </>
      );
    case 'overview':
      return (
        <>
          <div className="cards">
            {repeat(5, (tile) => (
              <div key={tile} className="card">
                <Skeleton height={12} width="60%" radius="sm" />
                <Skeleton height={24} width="80%" radius="sm" my={6} />
                <Skeleton height={12} width="50%" radius="sm" />
              </div>
            ))}
          </div>
          <div className="halves">
            <Chart />
            <Chart />
          </div>
        </>
      );
    case 'frame':
      return (
        <>
          <div className="sidebar">
            <Lines count={6} />
          </div>
          <div className="content">
            <Skeleton height={26} width={180} radius="sm" mb={20} />
            <Box lines={8} />
          </div>
        </>
      );
  }
}

function Lines({ count }: { readonly count: number }): ReactNode {
  return repeat(count, (line) => (
    <Skeleton key={line} height={14} width={WIDTHS[line % WIDTHS.length] ?? '100%'} radius="sm" />
  ));
}

/** As high as a row of a table, with three cells. */
function Rows({ count }: { readonly count: number }): ReactNode {
  return repeat(count, (row) => (
    <div key={row} className="loading-row">
      <Skeleton height={14} width="18%" radius="sm" />
      <Skeleton height={14} width="12%" radius="sm" />
      <Skeleton height={14} width={WIDTHS[row % WIDTHS.length] ?? '100%'} radius="sm" />
    </div>
  ));
}

function Box({ lines }: { readonly lines: number }): ReactNode {
  return (
    <div className="panel loading-box">
      <Lines count={lines} />
    </div>
  );
}

function Chart(): ReactNode {
  return (
    <div className="panel loading-box">
      <Skeleton height={14} width={120} radius="sm" />
      <Skeleton height={180} radius="sm" />
    </div>
  );
}

function repeat(count: number, make: (index: number) => ReactNode): ReactNode {
  return Array.from({ length: count }, (_, index) => make(index));
}
