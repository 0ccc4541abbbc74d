/** Stat: one large value per field, with its history behind it. */
import { asBoolean, asText } from '../dashboards/read';
import { formattedValueToString, getFieldDisplayValues } from '../grafana';
import type { FieldConfigSource, FieldDisplay, GrafanaTheme2 } from '../grafana';
import { useFilling } from '../components/useSize';
import { columnsFor, fitFont } from './fit';
import { readReduce, safeUrl } from './options';
import type { PanelKind, PanelProps } from './panel';
import { onColor, readable } from './readable';
import { Sparkline } from './Sparkline';
import css from './stat.module.css';

interface CellProps {
  value: FieldDisplay;
  theme: GrafanaTheme2;
  width: number;
  height: number;
  showName: boolean;
  showValue: boolean;
  colorMode: string;
  graphMode: string;
  justify: string;
  change: { text: string; color: string } | undefined;
}

/** How much the value has changed over the range. */
function changeOf({ display }: FieldDisplay, colorMode: string, theme: GrafanaTheme2): CellProps['change'] {
  const { percentChange: share } = display;
  if (share === undefined || share === null || !Number.isFinite(share)) return undefined;
  const [up, down] = colorMode === 'inverted' ? ['red', 'green'] : ['green', 'red'];
  const name = share === 0 ? 'text' : share > 0 ? up : down;
  const color = colorMode === 'same_as_value' ? (display.color ?? theme.colors.text.primary) : theme.visualization.getColorByName(name ?? 'text');
  return { text: `${share > 0 ? '▲' : share < 0 ? '▼' : '▬'} ${Math.abs(share).toFixed(2)}%`, color };
}

function Cell({ value, theme, width, height, showName, showValue, colorMode, graphMode, justify, change }: CellProps) {
  const name = value.display.title ?? '';
  const text = showValue ? formattedValueToString(value.display) : showName ? name : '';
  const color = value.display.color ?? theme.colors.text.primary;
  const filled = colorMode.startsWith('background');
  const hasGraph = graphMode === 'area' && value.sparkline !== undefined && (value.sparkline.y.values.length ?? 0) > 1;
  const graphHeight = hasGraph ? Math.min(height * 0.4, 90) : 0;
  const nameAbove = showName && showValue && name !== '';
  const nameHeight = nameAbove ? Math.min(22, height * 0.28) : 0;
  const changeHeight = change === undefined ? 0 : 18;
  const room = Math.max(14, height - nameHeight - changeHeight - graphHeight * 0.8 - 10);
  const size = fitFont(text, width - 20, room, Math.max(28, Math.min(64, height * 0.46)));
  const foreground = filled ? onColor(color, theme) : colorMode === 'value' ? readable(color, theme, size) : 'var(--text)';
  const link = safeUrl(value.hasLinks === true ? value.getLinks?.()[0]?.href : undefined);
  const centered = justify === 'center' || graphMode !== 'area';
  const body = (
    <>
      {nameAbove && <span className={css.name} style={{ fontSize: Math.max(11, Math.min(14, nameHeight * 0.75)) }}>{name}</span>}
      <span className={css.value} style={{ fontSize: size, color: foreground }}>{text}</span>
      {change !== undefined && <span className={css.change} style={{ color: filled ? foreground : readable(change.color, theme) }}>{change.text}</span>}
    </>
  );
  return (
    <div className={css.cell} style={filled ? { background: color, color: foreground } : undefined} data-color-mode={colorMode}>
      <div className={centered ? css.centered : css.start} style={{ paddingBottom: graphHeight * 0.8 }}>
        {link === undefined ? body : <a className={css.link} href={link}>{body}</a>}
      </div>
      {hasGraph && value.sparkline !== undefined && (
        <div className={css.graph}>
          <Sparkline
            values={value.sparkline.y.values} times={value.sparkline.x?.values ?? []} width={width} height={graphHeight}
            color={filled ? foreground : color} min={value.field.min ?? undefined} max={value.field.max ?? undefined}
          />
        </div>
      )}
    </div>
  );
}

function StatPanel({ panel, frames, theme, utc, replace }: PanelProps) {
  const [element, { width, height }] = useFilling<HTMLDivElement>();
  const options = panel.options;
  const graphMode = asText(options['graphMode'], 'area');
  const showsChange = asBoolean(options['showPercentChange']);
  const values = getFieldDisplayValues({
    data: frames, reduceOptions: readReduce(options), fieldConfig: panel.fieldConfig as FieldConfigSource, replaceVariables: replace, theme,
    timeZone: utc ? 'utc' : 'browser', sparkline: graphMode !== 'none', percentChange: showsChange,
  });
  const textMode = asText(options['textMode'], 'auto');
  const showName = textMode === 'name' || textMode === 'value_and_name' || (textMode === 'auto' && values.length > 1);
  const { orientation } = options;
  const across = orientation === 'vertical' ? values.length : orientation === 'horizontal' ? 1 : columnsFor(values.length, width, height);
  const down = Math.ceil(values.length / across);
  return (
    <div ref={element} className={css.grid} style={{ gridTemplateColumns: `repeat(${across}, minmax(0, 1fr))` }}>
      {width > 0 && values.map((value, index) => (
        <Cell
          key={index} value={value} theme={theme} width={width / across} height={height / down} showName={showName} showValue={textMode !== 'name' && textMode !== 'none'} change={showsChange ? changeOf(value, asText(options['percentChangeColorMode'], 'standard'), theme) : undefined}
          colorMode={asText(options['colorMode'], 'value')} graphMode={graphMode} justify={asText(options['justifyMode'], 'auto')}
        />
      ))}
    </div>
  );
}

export const stat: PanelKind = { Component: StatPanel, colorMode: 'thresholds', asks: true };
