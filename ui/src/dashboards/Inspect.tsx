/** What is behind a panel: its data as a table, the queries that were asked, its JSON. */
import { useMemo, useState } from 'react';
import { Button, Choices } from '../components/Controls';
import { Dialog } from '../components/Dialog';
import { download } from '../components/download';
import { Empty } from '../components/States';
import type { DataFrame } from '../grafana';
import { humanDuration } from '../time/duration';
import type { AskedQuery } from './ask';
import { tablesOf, toCsv } from './csv';
import type { Panel } from './model';
import type { InspectTab } from './urlState';
import css from './Inspect.module.css';

const kRowsMax = 500;

interface InspectProps {
  panel: Panel;
  title: string;
  frames: DataFrame[];
  queries: AskedQuery[];
  warnings: string[];
  tab: InspectTab;
  onTab: (tab: InspectTab) => void;
  close: () => void;
}

export default function Inspect({ panel, title, frames, queries, warnings, tab, onTab, close }: InspectProps) {
  return (
    <Dialog title={`Inspect ${title === '' ? `panel ${panel.id}` : title}`} close={close}>
      <div className={css.head}>
        <Choices label="What to show" value={tab} onChange={onTab} choices={[{ value: 'data', label: 'Data' }, { value: 'query', label: 'Query', count: queries.length }, { value: 'json', label: 'JSON' }]} />
      </div>
      {tab === 'data' && <Data title={title} frames={frames} />}
      {tab === 'query' && <Queries queries={queries} warnings={warnings} />}
      {tab === 'json' && <Source panel={panel} frames={frames} title={title} />}
    </Dialog>
  );
}

function Data({ title, frames }: { title: string; frames: DataFrame[] }) {
  const [formatted, setFormatted] = useState(true);
  const [chosen, setChosen] = useState(0);
  const tables = useMemo(() => tablesOf(frames, formatted), [frames, formatted]);
  const table = tables[Math.min(chosen, tables.length - 1)];
  if (table === undefined) return <Empty title="No data" />;
  return (
    <>
      <div className={css.tools}>
        {tables.length > 1 && (
          <label>Table <select value={chosen} onChange={(event) => setChosen(Number(event.target.value))}>{tables.map((one, index) => <option key={index} value={index}>{index + 1}: {one.head.slice(1, 3).join(', ').slice(0, 60)}</option>)}</select></label>
        )}
        <label><input type="checkbox" checked={formatted} onChange={(event) => setFormatted(event.target.checked)} /> Formatted</label>
        <Button onClick={() => download(`${title || 'panel'}.csv`, toCsv(tables), 'text/csv')}>Download CSV</Button>
      </div>
      <div className={css.scroll} role="region" aria-label="Rows" tabIndex={0}>
        <table className={css.table}>
          <thead><tr>{table.head.map((name, index) => <th key={index} scope="col">{name}</th>)}</tr></thead>
          <tbody>{table.rows.slice(0, kRowsMax).map((row, index) => <tr key={index}>{row.map((cell, column) => <td key={column}>{cell}</td>)}</tr>)}</tbody>
        </table>
      </div>
      {table.rows.length > kRowsMax && <p className={css.note}>{kRowsMax} of {table.rows.length} rows are shown; the file has all.</p>}
    </>
  );
}

function Queries({ queries, warnings }: { queries: AskedQuery[]; warnings: string[] }) {
  if (queries.length === 0) return <Empty title="The panel asks nothing" />;
  return (
    <ul className={css.queries}>
      {queries.map((query, index) => (
        <li key={index}>
          <h3>{query.refId} <span className={css.note}>{query.stepMs === undefined ? 'at the end of the range' : `every ${humanDuration(query.stepMs)}`} · {query.series} series · {humanDuration(Math.max(1, query.tookMs))}</span></h3>
          <pre className={css.code}>{query.expr}</pre>
        </li>
      ))}
      {warnings.map((warning, index) => <li key={`w${index}`} className={css.note}>{warning}</li>)}
    </ul>
  );
}

/** What the panel was made of, in a form that a person can carry elsewhere. */
function Source({ panel, frames, title }: { panel: Panel; frames: DataFrame[]; title: string }) {
  const [what, setWhat] = useState<'panel' | 'data'>('panel');
  const text = useMemo(
    () => JSON.stringify(what === 'panel' ? panel.source : frames.map((frame) => ({ name: frame.name, refId: frame.refId, fields: frame.fields.map(({ name, type, labels, values }) => ({ name, type, labels, values })) })), null, 2),
    [what, panel, frames],
  );
  const shown = text.slice(0, 200_000);
  return (
    <>
      <div className={css.tools}>
        <Choices label="JSON of" value={what} onChange={setWhat} choices={[{ value: 'panel', label: 'Panel' }, { value: 'data', label: 'Data' }]} />
        <Button onClick={() => download(`${title || 'panel'}-${what}.json`, text, 'application/json')}>Download</Button>
      </div>
      <pre className={css.code}>{shown}</pre>
      {shown.length < text.length && <p className={css.note}>The rest is in the file.</p>}
    </>
  );
}
