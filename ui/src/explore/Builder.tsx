/** The metrics browser and builder: what metrics there are, of which type, unit and number of series, and a query made of choices. */
import { useMemo, useState } from 'react';
import { getLabelNames, getLabelValues, getMetadata, queryInstant } from '../api/prometheus';
import { useResource } from '../api/useResource';
import { Button } from '../components/Controls';
import { Dialog } from '../components/Dialog';
import { Icon } from '../components/icons';
import { Loading, PageError } from '../components/States';
import { buildExpression, nothing, operators, suggested } from './build';
import type { Aggregation, Choices, Filter, Operator, Over } from './build';
import css from './Builder.module.css';

const kShownMax = 60;
const kValuesMax = 1000;
const overs: { value: Over; label: string }[] = [
  { value: 'none', label: 'The value' }, { value: 'rate', label: 'Change per second' }, { value: 'increase', label: 'Change' }, { value: 'avg_over_time', label: 'Mean over time' }, { value: 'max_over_time', label: 'Highest over time' },
];
const aggregations: { value: Aggregation; label: string }[] = [
  { value: 'none', label: 'Each series' }, { value: 'sum', label: 'Sum' }, { value: 'avg', label: 'Mean' }, { value: 'max', label: 'Highest' }, { value: 'min', label: 'Lowest' }, { value: 'count', label: 'Number' },
];

interface Span {
  startMs: number;
  endMs: number;
}

export function Builder({ span, close, use }: { span: Span; close: () => void; use: (expr: string) => void }) {
  const [choices, setChoices] = useState<Choices>(nothing);
  const expr = buildExpression(choices);
  return (
    <Dialog title="Metrics" close={close}>
      <div className={css.columns}>
        <Metrics span={span} chosen={choices.metric} choose={(metric, type) => setChoices(suggested(metric, type))} />
        <section className={css.builder} aria-label="Query">
          {choices.metric === '' ? <p className={css.faint}>Choose a metric; what is asked of it is chosen here.</p> : <Parts choices={choices} span={span} change={(next) => setChoices({ ...choices, ...next })} />}
          {expr !== '' && <pre className={css.expr} aria-label="Expression">{expr}</pre>}
          <div className={css.row}><Button kind="primary" disabled={expr === ''} onClick={() => use(expr)}>Use this query</Button><Button onClick={close}>Cancel</Button></div>
        </section>
      </div>
    </Dialog>
  );
}

function Metrics({ span, chosen, choose }: { span: Span; chosen: string; choose: (metric: string, type: string) => void }) {
  const [text, setText] = useState('');
  const names = useResource((signal) => getLabelValues('__name__', span, signal), [], { heedsRefresh: false });
  const metadata = useResource((signal) => getMetadata(signal), [], { heedsRefresh: false });
  const words = text.toLowerCase().split(/\s+/).filter((word) => word !== '');
  const found = useMemo(
    () => (names.data ?? []).filter((name) => { const about = metadata.data?.get(aboutName(name)); return words.every((word) => `${name} ${about?.help ?? ''}`.toLowerCase().includes(word)); }),
    [names.data, metadata.data, text],
  );
  const shown = found.slice(0, kShownMax);
  const counts = useResource(async (signal) => (shown.length === 0 ? new Map<string, string>() : countSeries(shown, signal)), [shown.join('\n')], { heedsRefresh: false });
  return (
    <section className={css.metrics} aria-label="Metrics">
      <label className={css.search}><span className="visually-hidden">Search metrics</span><input type="search" value={text} placeholder="Search names and descriptions" spellCheck={false} autoFocus onChange={(event) => setText(event.target.value)} /></label>
      <PageError title="The metrics could not be read" error={names.error} />
      {names.data === undefined && names.error === undefined && <Loading what="metrics" />}
      <ul className={css.list} aria-label="Found metrics">
        {shown.map((name) => {
          const about = metadata.data?.get(aboutName(name));
          return (
            <li key={name}>
              <button type="button" aria-pressed={name === chosen} onClick={() => choose(name, about?.type ?? '')}>
                <span className={css.name}>{name}</span>
                <span className={css.facts}>{[about?.type, about?.unit, counts.data?.get(name) === undefined ? undefined : `${counts.data.get(name)} series`].filter((part) => part !== undefined && part !== '').join(' · ')}</span>
                {about !== undefined && about.help !== '' && <span className={css.help}>{about.help}</span>}
              </button>
            </li>
          );
        })}
      </ul>
      {names.data !== undefined && <p className={css.faint}>{shown.length} of {found.length} metrics</p>}
    </section>
  );
}

/** Metadata stands under the family's name. */
const aboutName = (name: string) => name.replace(/_(bucket|count|sum)$/, '');

async function countSeries(names: string[], signal: AbortSignal): Promise<Map<string, string>> {
  const pattern = names.map((name) => name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|');
  const { data } = await queryInstant(`count by (__name__) ({__name__=~${JSON.stringify(pattern)}})`, Date.now(), signal);
  return new Map(data.resultType === 'vector' ? data.result.map(({ metric, value }) => [metric['__name__'] ?? '', value?.[1] ?? '']) : []);
}

function Parts({ choices, span, change }: { choices: Choices; span: Span; change: (next: Partial<Choices>) => void }) {
  const labels = useResource(async (signal) => (await getLabelNames({ match: [matchOf(choices.metric)], ...span }, signal)).filter((name) => name !== '__name__'), [choices.metric], { heedsRefresh: false });
  const setFilter = (index: number, next: Partial<Filter>) => change({ filters: choices.filters.map((one, at) => (at === index ? { ...one, ...next } : one)) });
  return (
    <>
      <h3>{choices.metric}</h3>
      <fieldset>
        <legend>Only where</legend>
        {choices.filters.map((filter, index) => (
          <FilterRow key={index} metric={choices.metric} filter={filter} labels={labels.data ?? []} span={span} change={(next) => setFilter(index, next)} remove={() => change({ filters: choices.filters.filter((_, at) => at !== index) })} />
        ))}
        <Button icon="plus" onClick={() => change({ filters: [...choices.filters, { label: '', operator: '=', value: '' }] })}>Condition</Button>
      </fieldset>
      <fieldset>
        <legend>Of each series</legend>
        <div className={css.row}>
          <select aria-label="What of each series" value={choices.over} onChange={(event) => change({ over: event.target.value as Over })}>{overs.map(({ value, label }) => <option key={value} value={value}>{label}</option>)}</select>
          {choices.over !== 'none' && <label>within <select value={choices.window} onChange={(event) => change({ window: event.target.value })}>{['1m', '5m', '15m', '1h', '1d'].map((window) => <option key={window}>{window}</option>)}</select></label>}
        </div>
      </fieldset>
      <fieldset>
        <legend>Of all together</legend>
        <div className={css.row}>
          <select aria-label="What of all together" value={choices.aggregation} onChange={(event) => change({ aggregation: event.target.value as Aggregation })}>{aggregations.map(({ value, label }) => <option key={value} value={value}>{label}</option>)}</select>
          {choices.quantile !== undefined && <label>quantile <select value={choices.quantile} onChange={(event) => change({ quantile: Number(event.target.value) })}>{[0.5, 0.9, 0.95, 0.99].map((quantile) => <option key={quantile} value={quantile}>{quantile}</option>)}</select></label>}
        </div>
        {choices.aggregation !== 'none' && (
          <div className={css.by} role="group" aria-label="By">
            {(labels.data ?? []).map((label) => <label key={label}><input type="checkbox" checked={choices.by.includes(label)} onChange={(event) => change({ by: event.target.checked ? [...choices.by, label] : choices.by.filter((one) => one !== label) })} />{label}</label>)}
          </div>
        )}
      </fieldset>
    </>
  );
}

const matchOf = (metric: string) => `{__name__=${JSON.stringify(metric)}}`;

interface FilterRowProps {
  metric: string;
  filter: Filter;
  labels: string[];
  span: Span;
  change: (next: Partial<Filter>) => void;
  remove: () => void;
}

function FilterRow({ metric, filter, labels, span, change, remove }: FilterRowProps) {
  const values = useResource(async (signal) => (filter.label === '' ? [] : (await getLabelValues(filter.label, { match: [matchOf(metric)], ...span }, signal)).slice(0, kValuesMax)), [metric, filter.label], { heedsRefresh: false });
  const list = `values of ${filter.label}`.replaceAll(/\W/g, '-');
  return (
    <div className={css.row}>
      <select aria-label="Label" value={filter.label} onChange={(event) => change({ label: event.target.value, value: '' })}><option value="">label</option>{labels.map((label) => <option key={label}>{label}</option>)}</select>
      <select aria-label="Comparison" value={filter.operator} onChange={(event) => change({ operator: event.target.value as Operator })}>{operators.map((operator) => <option key={operator}>{operator}</option>)}</select>
      <input aria-label="Value" list={list} value={filter.value} spellCheck={false} onChange={(event) => change({ value: event.target.value })} />
      <datalist id={list}>{values.data?.map((value) => <option key={value} value={value} />)}</datalist>
      <button type="button" className={css.remove} aria-label="Remove the condition" onClick={remove}><Icon name="close" /></button>
    </div>
  );
}
