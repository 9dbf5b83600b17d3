/** Bars over time, drawn by uPlot; the same numbers as a table for those who do not see them. */
import 'uplot/dist/uPlot.min.css';
import { type ReactNode, useEffect, useRef, useState } from 'react';
import uPlot from 'uplot';
import { useScheme } from './scheme.ts';

export interface ChartSeries {
  readonly label: string;
  /** The name of a colour in app.css, such as `green`. */
  readonly colour: string;
  readonly values: readonly number[];
}

interface Props {
  readonly label: string;
  /** When each bar begins, in milliseconds. */
  readonly times: readonly number[];
  /** Stacked, the first at the bottom. */
  readonly series: readonly ChartSeries[];
  /** What the bars are compared with: a faint line over them. */
  readonly line?: ChartSeries | undefined;
  readonly formatTime: (time: number) => string;
  readonly formatValue: (value: number) => string;
  readonly open: (index: number) => void;
}

const HEIGHT_PX = 200;

export function Chart({ label, times, series, line, formatTime, formatValue, open }: Props): ReactNode {
  const element = useRef<HTMLDivElement>(null);
  const { scheme } = useScheme();
  const [pointed, setPointed] = useState<number | null>(null);
  const latest = useRef({ open, formatTime, formatValue, setPointed });
  useEffect(() => {
    latest.current = { open, formatTime, formatValue, setPointed };
  });
  // biome-ignore lint/correctness/useExhaustiveDependencies: the colours are read again when the scheme changes
  useEffect(() => {
    const root = element.current;
    if (root === null) return;
    const plot = draw(root, { times, series, line }, latest);
    const observer = new ResizeObserver(() => plot.setSize({ width: root.clientWidth, height: HEIGHT_PX }));
    observer.observe(root);
    return () => {
      observer.disconnect();
      plot.destroy();
    };
  }, [times, series, line, scheme]);
  const named = line === undefined ? series : [...series, line];
  return (
    <figure className="chart">
      <figcaption>
        <h2>{label}</h2>
        <p className="chart-reading">
          {pointed !== null && times[pointed] !== undefined && <strong>{formatTime(times[pointed])}</strong>}
          {named.map(({ label: name, colour, values }) => (
            <span key={name} hidden={named.length === 1 && pointed === null}>
              <span
                className={values === line?.values ? 'swatch swatch-line' : `swatch swatch-${colour}`}
                aria-hidden="true"
              />
              {name}
              {pointed !== null && <strong> {formatValue(values[pointed] ?? 0)}</strong>}
            </span>
          ))}
        </p>
      </figcaption>
      <div ref={element} className="chart-plot" aria-hidden="true" />
      <div className="hidden">
        <table>
          <caption>{label}</caption>
          <tbody>
            {times.map((time, i) => (
              <tr key={time}>
                <th scope="row">{formatTime(time)}</th>
                {named.map(({ label: name, values }) => (
                  <td key={name}>{`${name}: ${formatValue(values[i] ?? 0)}`}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </figure>
  );
}

type Latest = {
  readonly current: Pick<Props, 'open' | 'formatTime' | 'formatValue'> & {
    setPointed(i: number | null): void;
  };
};

function draw(
  root: HTMLElement,
  { times, series, line }: Pick<Props, 'times' | 'series' | 'line'>,
  latest: Latest,
): uPlot {
  const style = getComputedStyle(root);
  const colour = (name: string): string => style.getPropertyValue(`--${name}`).trim();
  const axis = {
    font: `11px ${style.fontFamily}`,
    stroke: colour('dim'),
    grid: { stroke: colour('line'), width: 1 },
    ticks: { show: false },
  };
  const bars = uPlot.paths.bars?.({ size: [0.62, 48], radius: 0.15 });
  const sums = times.map((_, i) =>
    series.map((_, s) => series.slice(0, s + 1).reduce((sum, { values }) => sum + (values[i] ?? 0), 0)),
  );
  // The whole heap first: the lower parts are drawn over it.
  const stacked = series.map((one, s) => ({ ...one, heap: sums.map((sum) => sum[s] ?? 0) })).reverse();
  const lines = line === undefined ? [] : [line];
  const plot = new uPlot(
    {
      width: root.clientWidth,
      height: HEIGHT_PX,
      legend: { show: false },
      cursor: { y: false, points: { show: false }, drag: { x: false, y: false } },
      scales: {
        x: { time: false, range: edges(times) },
        y: { range: (_plot, _min, max) => [0, Math.max(1, max * 1.1)] },
      },
      axes: [
        {
          ...axis,
          size: 28,
          gap: 6,
          grid: { show: false },
          values: (_plot, ticks) => ticks.map((tick) => latest.current.formatTime(tick)),
          splits: everyNth(times, root.clientWidth),
        },
        {
          ...axis,
          size: 48,
          values: (_plot, ticks) => ticks.map((tick) => latest.current.formatValue(tick)),
        },
      ],
      series: [
        {},
        ...stacked.map((one) => ({
          label: one.label,
          fill: colour(`${one.colour}-bar`),
          width: 0,
          points: { show: false },
          ...(bars === undefined ? {} : { paths: bars }),
        })),
        ...lines.map((one) => ({
          label: one.label,
          stroke: colour(one.colour),
          width: 1.5,
          dash: [4, 4],
          points: { show: false },
        })),
      ],
      hooks: { setCursor: [({ cursor }) => latest.current.setPointed(cursor.idx ?? null)] },
    },
    [[...times], ...stacked.map(({ heap }) => heap), ...lines.map(({ values }) => [...values])],
    root,
  );
  plot.over.addEventListener('mouseleave', () => latest.current.setPointed(null));
  plot.over.addEventListener('click', () => {
    if (plot.cursor.idx != null) latest.current.open(plot.cursor.idx);
  });
  return plot;
}

/** Half a bar more on both sides. */
function edges(times: readonly number[]): [number, number] {
  const [first = 0, second = first + 1] = times;
  const half = (second - first) / 2;
  return [first - half, (times.at(-1) ?? first) + half];
}

/** As many times below the bars as there is room for. */
function everyNth(times: readonly number[], width: number): () => number[] {
  const every = Math.max(1, Math.ceil(times.length / Math.max(2, width / 96)));
  return () => times.filter((_, i) => i % every === 0);
}
