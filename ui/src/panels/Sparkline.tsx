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

export function Sparkline({ values, times, color, min, max, width, height }: SparklineProps) {
  const points: [number, number][] = [];
  values.forEach((value, index) => {
    const time = times[index];
    if (typeof value === 'number' && Number.isFinite(value) && typeof time === 'number') points.push([time, value]);
  });
  const first = points[0];
  const last = points.at(-1);
  if (first === undefined || last === undefined || points.length < 2 || width <= 0 || height <= 0) return null;
  const low = min ?? Math.min(...points.map(([, value]) => value));
  const high = max ?? Math.max(...points.map(([, value]) => value));
  const span = high - low || 1;
  const x = (time: number) => ((time - first[0]) / (last[0] - first[0] || 1)) * width;
  const y = (value: number) => height - 1 - ((Math.min(Math.max(value, low), high) - low) / span) * (height - 3) * (high === low ? 0.5 : 1);
  const line = points.map(([time, value], index) => `${index === 0 ? 'M' : 'L'}${x(time).toFixed(1)} ${y(value).toFixed(1)}`).join('');
  return (
    <svg width={width} height={height} viewBox={`0 0 ${width} ${height}`} aria-hidden="true" focusable="false">
      <path d={`${line}L${width} ${height}L0 ${height}Z`} fill={color} opacity={0.16} />
      <path d={line} fill="none" stroke={color} strokeWidth={1.4} strokeLinejoin="round" opacity={0.9} />
    </svg>
  );
}
