/** Bar gauge: one bar per value between minimum and maximum. */
import { asBoolean, asText } from '../dashboards/read';
import { FieldColorModeId, FieldType, formattedValueToString, getDisplayProcessor, getFieldColorModeForField, getFieldDisplayValues } from '../grafana';
import type { FieldConfigSource, FieldDisplay, GrafanaTheme2 } from '../grafana';
import { useFilling } from '../components/useSize';
import { fitFont } from './fit';
import { readOrientation, readReduce, safeUrl } from './options';
import type { Orientation } from './options';
import type { PanelKind, PanelProps } from './panel';
import { readable } from './readable';
import css from './bargauge.module.css';

const kLcdCells = 30;

const asField = (config: FieldDisplay['field']) => ({ config, type: FieldType.number, name: '', values: [] });

/** The colours below the value: from the first threshold to the one that holds, or what of the scale lies below. */
function gradient(value: FieldDisplay, theme: GrafanaTheme2, share: number, direction: string): string {
  const { thresholds, color: mode } = value.field;
  const color = value.display.color ?? theme.colors.text.primary;
  const low = value.field.min ?? 0;
  const span = (value.field.max ?? 100) - low || 1;
  const scale = mode?.mode?.startsWith('continuous') === true ? getFieldColorModeForField(asField(value.field)).getColors?.(theme) : undefined;
  if (scale !== undefined && share > 0) return `linear-gradient(${direction}, ${scale.map((one, index) => `${theme.visualization.getColorByName(one)} ${Math.round((index / (scale.length - 1) / share) * 100)}%`).join(', ')})`;
  if (mode?.mode !== FieldColorModeId.Thresholds || thresholds === undefined || share <= 0) return color;
  const stops = thresholds.steps
    .map((step) => ({ color: theme.visualization.getColorByName(step.color), at: Number.isFinite(step.value) ? (thresholds.mode === 'percentage' ? step.value / 100 : (step.value - low) / span) : 0 }))
    .filter((stop) => stop.at < share)
    .map((stop) => `${stop.color} ${Math.round((stop.at / share) * 100)}%`);
  return stops.length < 2 ? color : `linear-gradient(${direction}, ${stops.join(', ')})`;
}

interface BarProps {
  value: FieldDisplay;
  theme: GrafanaTheme2;
  orientation: Orientation;
  mode: string;
  showUnfilled: boolean;
  showName: boolean;
  nameAbove: boolean;
  /** color, text or hidden. */
  valueMode: string;
  /** What the value has for its text. */
  width: number;
}

function Bar({ value, theme, orientation, mode, showUnfilled, showName, nameAbove, valueMode, width }: BarProps) {
  const text = formattedValueToString(value.display);
  const low = value.field.min ?? 0;
  const span = (value.field.max ?? 100) - low || 1;
  const share = Number.isFinite(value.display.numeric) ? Math.min(1, Math.max(0, (value.display.numeric - low) / span)) : 0;
  const color = value.display.color ?? theme.colors.text.primary;
  const href = safeUrl(value.hasLinks === true ? value.getLinks?.()[0]?.href : undefined);
  const across = orientation === 'horizontal';
  const length = `${(share * 100).toFixed(2)}%`;
  const fill = mode === 'gradient' ? gradient(value, theme, share, across ? 'to right' : 'to top') : color;
  // Each cell has the colour of the value that it stands for.
  const colorAt = getDisplayProcessor({ field: asField({ ...value.field, mappings: [] }), theme });
  const cells = Array.from({ length: kLcdCells }, (_, index) => ({ lit: (index + 0.5) / kLcdCells <= share, color: colorAt(low + (span * (index + 0.5)) / kLcdCells).color ?? color }));
  const textColor = valueMode === 'text' ? 'var(--text)' : readable(color, theme);
  return (
    <div className={`${across ? css.across : css.upright} ${across && nameAbove ? css.nameAbove : ''}`}>
      {showName && <span className={css.name} title={value.display.title}>{value.display.title}</span>}
      <div
        className={css.track} style={showUnfilled ? undefined : { background: 'none' }} role="meter" aria-label={value.display.title ?? 'Value'} aria-valuemin={low} aria-valuemax={low + span}
        aria-valuenow={Number.isFinite(value.display.numeric) ? value.display.numeric : low} aria-valuetext={text}
      >
        {mode === 'lcd' ? (
          <div className={css.lcd}>{cells.map((cell, index) => <i key={index} style={{ background: cell.color, opacity: cell.lit ? 1 : showUnfilled ? 0.18 : 0 }} />)}</div>
        ) : (
          <div className={css.fill} style={across ? { width: length, background: fill } : { height: length, background: fill }} />
        )}
      </div>
      {valueMode !== 'hidden' && <span className={css.value} style={across ? { color: textColor } : { color: textColor, fontSize: fitFont(text, width, 40, 13, 7) }}>{href === undefined ? text : <a href={href} className={css.link}>{text}</a>}</span>}
    </div>
  );
}

function BarGaugePanel({ panel, frames, theme, utc, replace }: PanelProps) {
  const [element, { width, height }] = useFilling<HTMLDivElement>();
  const values = getFieldDisplayValues({
    data: frames, reduceOptions: readReduce(panel.options), fieldConfig: panel.fieldConfig as FieldConfigSource, replaceVariables: replace, theme,
    timeZone: utc ? 'utc' : 'browser',
  });
  const orientation = readOrientation(panel.options, width, height, 'vertical');
  const placement = asText(panel.options['namePlacement'], 'auto');
  return (
    <div ref={element} className={orientation === 'horizontal' ? css.rows : css.columns}>
      {width > 0 && values.map((value, index) => (
        <Bar
          key={index} value={value} theme={theme} orientation={orientation} mode={asText(panel.options['displayMode'], 'gradient')}
          showUnfilled={asBoolean(panel.options['showUnfilled'], true)} showName={placement !== 'hidden' && (values.length > 1 || asText(value.display.title) !== '')} nameAbove={placement === 'top'}
          valueMode={asText(panel.options['valueMode'], 'color')} width={width / Math.max(1, values.length) - 8}
        />
      ))}
    </div>
  );
}

export const bargauge: PanelKind = { Component: BarGaugePanel, colorMode: 'thresholds', asks: true };
