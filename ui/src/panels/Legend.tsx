/** Names of the series of a chart, as a list or as a table with reduced values. */
import { useState } from 'react';
import type { MouseEvent } from 'react';
import { asBoolean, asList, asText } from '../dashboards/read';
import type { Json } from '../dashboards/read';
import { fieldReducers, formattedValueToString, reduceField } from '../grafana';
import type { Field } from '../grafana';
import { safeUrl } from './options';
import css from './Legend.module.css';

/** Where the series' data link leads, if it has one. */
function linkOf({ field }: LegendEntry): { href: string; title: string } | undefined {
  if (field.config.links === undefined || field.config.links.length === 0) return undefined;
  const link = field.getLinks?.({ valueRowIndex: Math.max(0, field.values.length - 1) })[0];
  const href = safeUrl(link?.href);
  return href === undefined ? undefined : { href, title: link?.title ?? '' };
}

function EntryLink({ entry }: { entry: LegendEntry }) {
  const link = linkOf(entry);
  return link === undefined ? null : <a className={css.link} href={link.href} title={link.title} aria-label={`${link.title === '' ? 'Link' : link.title} of ${entry.name}`}>↗</a>;
}

export interface LegendEntry {
  field: Field;
  name: string;
  color: string;
  hidden: boolean;
}

interface LegendProps {
  entries: LegendEntry[];
  options: Json;
  choose: (name: string, event: MouseEvent) => void;
}

const hint = 'Click: only this one. Ctrl+click: add or remove.';

const calcLabel = (calc: string) => fieldReducers.getIfExists(calc)?.name ?? calc;

function reduced({ field }: LegendEntry, calcs: string[]): { text: string; value: number }[] {
  const values = reduceField({ field, reducers: calcs }) as Record<string, unknown>;
  return calcs.map((calc) => {
    const value = values[calc];
    const text = field.display === undefined || value === null || value === undefined ? '–' : formattedValueToString(field.display(value));
    return { text, value: typeof value === 'number' ? value : -Infinity };
  });
}

export function Legend({ entries, options, choose }: LegendProps) {
  const calcs = asList(options['calcs']).map((calc) => asText(calc)).filter((calc) => fieldReducers.getIfExists(calc) !== undefined);
  const place = options['placement'] === 'right' ? css.right : css.bottom;
  if (options['displayMode'] === 'table') return <LegendTable entries={entries} options={options} choose={choose} calcs={calcs} place={place ?? ''} />;
  return (
    <ul className={`${css.list} ${place}`} aria-label="Series">
      {entries.map((entry, index) => (
        <li key={`${entry.name} ${index}`}>
          <button type="button" className={css.entry} aria-pressed={!entry.hidden} title={`${entry.name}\n${hint}`} onClick={(event) => choose(entry.name, event)}>
            <i style={{ background: entry.color }} />
            <span className={css.name}>{entry.name}</span>
            {reduced(entry, calcs).map(({ text }, position) => (
              <span key={calcs[position]} className={css.calc}>{calcs.length > 1 ? `${calcLabel(calcs[position] ?? '')}: ` : ''}{text}</span>
            ))}
          </button>
          <EntryLink entry={entry} />
        </li>
      ))}
    </ul>
  );
}

function LegendTable({ entries, options, choose, calcs, place }: LegendProps & { calcs: string[]; place: string }) {
  const wanted = asText(options['sortBy']);
  const initial = calcs.findIndex((calc) => calcLabel(calc) === wanted || calc === wanted);
  const [sort, setSort] = useState<{ column: number; down: boolean } | undefined>(initial < 0 ? undefined : { column: initial, down: asBoolean(options['sortDesc']) });
  const rows = entries.map((entry) => ({ entry, values: reduced(entry, calcs) }));
  if (sort !== undefined) rows.sort((a, b) => ((a.values[sort.column]?.value ?? 0) - (b.values[sort.column]?.value ?? 0)) * (sort.down ? -1 : 1));
  return (
    <div className={`${css.scroll} ${place}`}>
      <table className={css.table}>
        <thead>
          <tr>
            <th scope="col">Name</th>
            {calcs.map((calc, column) => (
              <th key={calc} scope="col" className={css.number} aria-sort={sort?.column === column ? (sort.down ? 'descending' : 'ascending') : 'none'}>
                <button type="button" onClick={() => setSort({ column, down: sort?.column === column ? !sort.down : true })}>{calcLabel(calc)}</button>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(({ entry, values }, index) => (
            <tr key={`${entry.name} ${index}`}>
              <td>
                <button type="button" className={css.entry} aria-pressed={!entry.hidden} title={`${entry.name}\n${hint}`} onClick={(event) => choose(entry.name, event)}>
                  <i style={{ background: entry.color }} />
                  <span className={css.name}>{entry.name}</span>
                </button>
                <EntryLink entry={entry} />
              </td>
              {values.map(({ text }, column) => <td key={calcs[column]} className={css.number}>{text}</td>)}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
