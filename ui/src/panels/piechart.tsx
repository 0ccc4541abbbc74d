/** Pie and donut: how much of the whole each value is. */
import { useState } from 'react';
import { asList, asObject, asText } from '../dashboards/read';
import { formattedValueToString, getFieldDisplayValues } from '../grafana';
import type { FieldConfigSource, FieldDisplay } from '../grafana';
import { useSize } from '../components/useSize';
import { readReduce, safeUrl } from './options';
import type { PanelProps } from './panel';
import { slicePath, slicesOf } from './slices';
import type { Slice } from './slices';
import css from './piechart.module.css';

const kSlicesMax = 200;
const percent = (share: number) => `${(share * 100).toFixed(share > 0 && share < 0.1 ? 1 : 0)}%`;

function labelOf({ item, share }: Slice<FieldDisplay>, parts: string[]): string[] {
  return parts.map((part) => (part === 'name' ? (item.display.title ?? '') : part === 'percent' ? percent(share) : part === 'value' ? formattedValueToString(item.display) : '')).filter((text) => text !== '');
}

export default function PieChartPanel({ panel, frames, theme, utc, replace }: PanelProps) {
  const [element, { width, height }] = useSize<HTMLDivElement>();
  const [only, setOnly] = useState<string | undefined>(undefined);
  const { options } = panel;
  const values = getFieldDisplayValues({
    data: frames, reduceOptions: readReduce(options), fieldConfig: panel.fieldConfig as FieldConfigSource, replaceVariables: replace, theme, timeZone: utc ? 'utc' : 'browser',
  }).filter((value) => asObject(asObject(value.field.custom)['hideFrom'])['viz'] !== true);
  const sort = asText(options['sort'], 'desc');
  const all = slicesOf(values.slice(0, kSlicesMax).map((item) => ({ item, value: item.display.numeric })), sort === 'asc' || sort === 'none' ? sort : 'desc');
  const nothing = values.slice(0, kSlicesMax).filter(({ display }) => !(display.numeric > 0)).map((item): Slice<FieldDisplay> => ({ item, value: 0, share: 0, start: 1 }));
  const nameOf = (slice: Slice<FieldDisplay>) => slice.item.display.title ?? '';
  const slices = only === undefined ? all : slicesOf(all.filter((slice) => nameOf(slice) === only), 'none');
  const legend = asObject(options['legend']);
  const columns = asList(legend['values']).map((one) => asText(one)).filter((one) => one === 'value' || one === 'percent');
  const parts = asList(options['displayLabels']).map((one) => asText(one));
  const radius = Math.max(10, Math.min(width, height) / 2 - 4);
  const hole = options['pieType'] === 'donut' ? radius * 0.55 : 0;
  const isTable = legend['displayMode'] === 'table';
  return (
    <div className={legend['placement'] === 'right' ? css.beside : css.below}>
      <div ref={element} className={css.chart}>
        {width > 0 && slices.length > 0 && (
          <svg width={width} height={height} viewBox={`${-width / 2} ${-height / 2} ${width} ${height}`} role="img" aria-label={`${panel.title || 'Pie chart'}: ${slices.map((slice) => `${nameOf(slice)} ${percent(slice.share)}`).join(', ').slice(0, 500)}`}>
            {slices.map((slice, index) => {
              const middle = 2 * Math.PI * (slice.start + slice.share / 2);
              const at = (radius + hole) / 2 || radius * 0.6;
              const text = slice.share > 0.05 ? labelOf(slice, parts) : [];
              const href = safeUrl(slice.item.hasLinks === true ? slice.item.getLinks?.()[0]?.href : undefined);
              const drawn = (
                <>
                  <path d={slicePath(slice.start, slice.share, radius, hole)} fill={slice.item.display.color ?? theme.colors.text.primary} stroke="var(--surface)" strokeWidth={1}>
                    <title>{`${nameOf(slice)}\n${formattedValueToString(slice.item.display)} (${percent(slice.share)})`}</title>
                  </path>
                  {text.map((line, row) => (
                    <text key={row} x={at * Math.sin(middle)} y={-at * Math.cos(middle) + (row - (text.length - 1) / 2) * 13 + 4} textAnchor="middle" fontSize={11} fill={theme.colors.getContrastText(slice.item.display.color ?? '#000')} className={css.label}>{line}</text>
                  ))}
                </>
              );
              return href === undefined ? <g key={index}>{drawn}</g> : <a key={index} href={href}>{drawn}</a>;
            })}
          </svg>
        )}
        {width > 0 && slices.length === 0 && <p className={css.empty} data-empty>All values are zero.</p>}
      </div>
      {legend['showLegend'] !== false && (
        <div className={css.legend}>
          <table className={isTable ? css.table : css.list} aria-label="Values">
            {isTable && <thead><tr><th scope="col">Name</th>{columns.map((column) => <th key={column} scope="col">{column === 'value' ? 'Value' : 'Percent'}</th>)}</tr></thead>}
            <tbody>
              {[...all, ...nothing].map((slice, index) => (
                <tr key={index}>
                  <td>
                    <button type="button" aria-pressed={only === undefined || only === nameOf(slice)} onClick={() => setOnly(only === nameOf(slice) ? undefined : nameOf(slice))}>
                      <i style={{ background: slice.item.display.color ?? theme.colors.text.primary }} /><span>{nameOf(slice)}</span>
                    </button>
                  </td>
                  {columns.map((column) => <td key={column} className={css.number}>{column === 'value' ? formattedValueToString(slice.item.display) : percent(slice.share)}</td>)}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {values.length > kSlicesMax && <p className={css.empty}>{kSlicesMax} of {values.length} values are drawn.</p>}
    </div>
  );
}
