/** Gauge: values on a dial between minimum and maximum, with the thresholds around it. */
import { asBoolean } from '../dashboards/read';
import { FieldType, formattedValueToString, getDisplayProcessor, getFieldDisplayValues, ThresholdsMode } from '../grafana';
import type { FieldConfigSource, FieldDisplay, GrafanaTheme2 } from '../grafana';
import { useFilling } from '../components/useSize';
import { columnsFor, fitFont } from './fit';
import { readReduce, safeUrl } from './options';
import type { PanelKind, PanelProps } from './panel';
import css from './gauge.module.css';

const kStart = -120; // degrees from the top, clockwise
const kSweep = 240;

function arc(cx: number, cy: number, radius: number, fromShare: number, toShare: number): string {
  const point = (share: number): [number, number] => {
    const angle = ((kStart + kSweep * share - 90) * Math.PI) / 180;
    return [cx + radius * Math.cos(angle), cy + radius * Math.sin(angle)];
  };
  const [x1, y1] = point(fromShare);
  const [x2, y2] = point(toShare);
  const large = (toShare - fromShare) * kSweep > 180 ? 1 : 0;
  return `M${x1.toFixed(2)} ${y1.toFixed(2)}A${radius} ${radius} 0 ${large} 1 ${x2.toFixed(2)} ${y2.toFixed(2)}`;
}

function thresholdArcs(value: FieldDisplay, theme: GrafanaTheme2): { from: number; to: number; color: string }[] {
  const { thresholds, min = 0, max = 100 } = value.field;
  const low = min ?? 0;
  const span = (max ?? 100) - low || 1;
  const share = (limit: number) =>
    Math.min(1, Math.max(0, !Number.isFinite(limit) ? 0 : thresholds?.mode === ThresholdsMode.Percentage ? limit / 100 : (limit - low) / span));
  return (thresholds?.steps ?? []).map((step, index, all) => ({
    from: share(step.value), to: all[index + 1] === undefined ? 1 : share(all[index + 1]?.value ?? 0), color: theme.visualization.getColorByName(step.color),
  }));
}

const labelOf = ({ field }: FieldDisplay, at: number, theme: GrafanaTheme2) => formattedValueToString(getDisplayProcessor({ field: { config: { ...field, mappings: [] }, type: FieldType.number }, theme })(at));

/** A limit's value beside its place on the dial. */
function Label({ cx, cy, radius, share, text }: { cx: number; cy: number; radius: number; share: number; text: string }) {
  const angle = ((kStart + kSweep * share - 90) * Math.PI) / 180;
  return <text x={cx + radius * Math.cos(angle)} y={cy + radius * Math.sin(angle) + 4} textAnchor={share < 0.4 ? 'start' : share > 0.6 ? 'end' : 'middle'} className={css.limit}>{text}</text>;
}

interface DialProps {
  value: FieldDisplay;
  theme: GrafanaTheme2;
  width: number;
  height: number;
  showName: boolean;
  showMarkers: boolean;
  showLabels: boolean;
}

function Dial({ value, theme, width, height, showName, showMarkers, showLabels }: DialProps) {
  const text = formattedValueToString(value.display);
  const href = safeUrl(value.hasLinks === true ? value.getLinks?.()[0]?.href : undefined);
  const nameHeight = showName ? 20 : 0;
  // The dial's box: 2 radii wide, 1.5 high (a 240° arc ends half a radius under its centre).
  const radius = Math.max(10, Math.min(width / 2 - 8, (height - nameHeight - 10) / 1.5));
  const [cx, cy] = [width / 2, (height - nameHeight - radius * 1.5) / 2 + radius];
  const thick = Math.max(5, radius * 0.2);
  const rim = showMarkers ? Math.max(2, radius * 0.035) : 0;
  const inner = radius - thick / 2 - (showMarkers ? rim * 2.2 : 0);
  const low = value.field.min ?? 0;
  const high = value.field.max ?? 100;
  const share = Number.isFinite(value.display.numeric) ? Math.min(1, Math.max(0, (value.display.numeric - low) / (high - low || 1))) : 0;
  const color = value.display.color ?? theme.colors.text.primary;
  // Short values do not grow past longer ones: dials beside each other look alike.
  const size = fitFont(text.padEnd(5, '0'), (inner - thick / 2) * 1.75, radius * 0.7, 56, 6);
  return (
    <div className={css.dial} style={{ width, height }}>
      <svg width={width} height={height} role="img" aria-label={`${value.display.title ?? 'Value'}: ${text}`}>
        <path d={arc(cx, cy, inner, 0, 1)} fill="none" stroke="var(--border)" strokeWidth={thick} />
        {share > 0.002 && <path d={arc(cx, cy, inner, 0, share)} fill="none" stroke={color} strokeWidth={thick} />}
        {showMarkers && thresholdArcs(value, theme).map(({ from, to, color: rimColor }, index) => (
          to > from && <path key={index} d={arc(cx, cy, radius - rim / 2, from, to)} fill="none" stroke={rimColor} strokeWidth={rim} />
        ))}
        {showLabels && thresholdArcs(value, theme).map(({ from }, index) => from > 0 && from < 1 && <Label key={index} cx={cx} cy={cy} radius={inner - thick / 2 - 3} share={from} text={labelOf(value, low + (high - low) * from, theme)} />)}
        <text x={cx} y={cy + size * 0.34} textAnchor="middle" fontSize={size} fontWeight={600} fill={color} className={css.value}>{text}</text>
      </svg>
      {showName && <span className={css.name}>{value.display.title}</span>}
      {href !== undefined && <a className={css.link} href={href} aria-label={`Open the link of ${value.display.title ?? 'the value'}`} />}
    </div>
  );
}

function GaugePanel({ panel, frames, theme, utc, replace }: PanelProps) {
  const [element, { width, height }] = useFilling<HTMLDivElement>();
  const values = getFieldDisplayValues({
    data: frames, reduceOptions: readReduce(panel.options), fieldConfig: panel.fieldConfig as FieldConfigSource, replaceVariables: replace, theme,
    timeZone: utc ? 'utc' : 'browser',
  });
  const { orientation } = panel.options;
  const columns = orientation === 'vertical' ? values.length : orientation === 'horizontal' ? 1 : columnsFor(values.length, width, height, 4 / 3);
  const rows = Math.ceil(values.length / columns);
  return (
    <div ref={element} className={css.grid}>
      {width > 0 && values.map((value, index) => (
        <Dial
          key={index} value={value} theme={theme} width={width / columns} height={height / rows} showName={values.length > 1}
          showMarkers={asBoolean(panel.options['showThresholdMarkers'], true)} showLabels={asBoolean(panel.options['showThresholdLabels'])}
        />
      ))}
    </div>
  );
}

export const gauge: PanelKind = { Component: GaugePanel, colorMode: 'thresholds', asks: true };
