/** The shape of a field's history behind its value: an area without axes. */
interface SparklineProps {
  values: readonly unknown[];
  times: readonly unknown[];
  color: string;
  min?: number | undefined;
  max?: number | undefined;
  width: number;
  height: number;
}

const tenths = (pixels: number) => Math.round(pixels * 10) / 10;

export function Sparkline({ values, times, color, min, max, width, height }: SparklineProps) {
  const xs: number[] = [];
  const ys: number[] = [];
  values.forEach((value, index) => {
    const time = times[index];
    if (typeof value !== 'number' || !Number.isFinite(value) || typeof time !== 'number') return;
    xs.push(time);
    ys.push(value);
  });
  if (ys.length < 2 || width <= 0 || height <= 0) return null;
  const first = xs[0] ?? 0;
  const reach = (xs.at(-1) ?? 0) - first || 1;
  const low = min ?? Math.min(...ys);
  const high = max ?? Math.max(...ys);
  const span = high - low || 1;
  const y = (value: number) => height - 1 - ((Math.min(Math.max(value, low), high) - low) / span) * (height - 3) * (high === low ? 0.5 : 1);
  let line = '';
  ys.forEach((value, index) => { line += `${index === 0 ? 'M' : 'L'}${tenths((((xs[index] ?? 0) - first) / reach) * width)} ${tenths(y(value))}`; });
  return (
    <svg width={width} height={height} viewBox={`0 0 ${width} ${height}`} aria-hidden="true" focusable="false">
      <path d={`${line}L${width} ${height}L0 ${height}Z`} fill={color} opacity={0.16} />
      <path d={line} fill="none" stroke={color} strokeWidth={1.4} strokeLinejoin="round" opacity={0.9} />
    </svg>
  );
}
