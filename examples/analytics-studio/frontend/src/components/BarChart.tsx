import { useEffect, useRef, useState } from 'react';

export interface Bar {
  readonly label: string;
  readonly value: number;
}

interface BarChartProps {
  readonly title: string;
  readonly bars: readonly Bar[];
  readonly format: (value: number) => string;
  readonly formatAxis: (value: number) => string;
}

const HEIGHT = 300;
const TOP = 28;
const BOTTOM = 30;
const LEFT = 48;
const LABEL_WIDTH = 7;
const MAX_BAR_WIDTH = 72;

export function BarChart({ title, bars, format, formatAxis }: BarChartProps) {
  const [frame, width] = useWidth();
  const [active, setActive] = useState<number>();

  const ticks = niceTicks(Math.max(...bars.map((bar) => bar.value), 0));
  const top = ticks.at(-1) ?? 1;
  const plotHeight = HEIGHT - TOP - BOTTOM;
  const y = (value: number): number => TOP + plotHeight * (1 - Math.max(value, 0) / top);
  const step = Math.max(width - LEFT, 1) / Math.max(bars.length, 1);
  const barWidth = Math.min(step * 0.68, MAX_BAR_WIDTH);
  const longestLabel = Math.max(...bars.map((bar) => bar.label.length), 1);
  const labelWidth = (longestLabel + 2) * LABEL_WIDTH;
  const labelEvery = Math.ceil(labelWidth / step);

  return (
    <div className="chart" ref={frame}>
      <svg width={width} height={HEIGHT} role="img" aria-label={title} onPointerLeave={() => setActive(undefined)}>
        <linearGradient id="bar-fill" gradientUnits="userSpaceOnUse" x1="0" x2="0" y1={TOP} y2={HEIGHT - BOTTOM}>
          <stop className="bar-fill-top" />
          <stop className="bar-fill-bottom" offset="1" />
        </linearGradient>
        {ticks.map((tick) => (
          <g key={tick} className="tick">
            <line x1={LEFT} x2={width} y1={y(tick)} y2={y(tick)} />
            <text x={LEFT - 10} y={y(tick)} dy="0.32em" textAnchor="end">
              {formatAxis(tick)}
            </text>
          </g>
        ))}
        {bars.map((bar, index) => {
          const center = LEFT + step * (index + 0.5);
          const height = y(0) - y(bar.value);
          return (
            <g
              key={bar.label}
              className={active === undefined || active === index ? 'bar-group' : 'bar-group bar-faded'}
              onPointerEnter={() => setActive(index)}
            >
              <rect className="hit" x={center - step / 2} y={TOP} width={step} height={plotHeight} />
              <path className="bar-shape" d={roundedBar(center - barWidth / 2, y(bar.value), barWidth, height)} />
              {index % labelEvery === 0 && center + labelWidth / 2 <= width + 2 * LABEL_WIDTH && (
                <text className="bar-label" x={center} y={HEIGHT - 8} textAnchor="middle">
                  {bar.label}
                </text>
              )}
              {active === index && (
                <text
                  className="bar-value"
                  x={Math.min(Math.max(center, LEFT + 36), width - 36)}
                  y={y(bar.value) - 9}
                  textAnchor="middle"
                >
                  {format(bar.value)}
                </text>
              )}
            </g>
          );
        })}
      </svg>
    </div>
  );
}

function roundedBar(x: number, y: number, width: number, height: number): string {
  const radius = Math.min(5, width / 2, height);
  return [
    `M${x},${y + height}`,
    `v${-(height - radius)}`,
    `q0,${-radius} ${radius},${-radius}`,
    `h${width - 2 * radius}`,
    `q${radius},0 ${radius},${radius}`,
    `v${height - radius}`,
    'z',
  ].join('');
}

/** Four or five round numbers from zero to just above the highest value. */
function niceTicks(highest: number): number[] {
  if (highest <= 0) return [0, 1];
  const rough = highest / 4;
  const magnitude = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 2.5, 5].find((factor) => factor * magnitude >= rough) ?? 10) * magnitude;
  return Array.from({ length: Math.ceil(highest / step) + 1 }, (_, index) => index * step);
}

function useWidth() {
  const frame = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(720);
  useEffect(() => {
    if (!frame.current) return;
    const observer = new ResizeObserver(([entry]) => {
      if (entry) setWidth(entry.contentRect.width);
    });
    observer.observe(frame.current);
    return () => observer.disconnect();
  }, []);
  return [frame, width] as const;
}
