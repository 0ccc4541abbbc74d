/** The pickers of a dashboard's variables. */
import { useId, useState } from 'react';
import { getLabelValues } from '../api/prometheus';
import { useResource } from '../api/useResource';
import { Button } from '../components/Controls';
import { Popover } from '../components/Popover';
import { Icon } from '../components/icons';
import { filterOperators, readFilter, writeFilter } from './adhoc';
import type { Filter } from './adhoc';
import { kAll } from './model';
import type { Resolved } from './variables';
import css from './VariableBar.module.css';

interface VariableBarProps {
  variables: Resolved[];
  /** The options are not known yet. */
  pending: boolean;
  onChange: (name: string, values: string[]) => void;
}

export function VariableBar({ variables, pending, onChange }: VariableBarProps) {
  // Where there is one data source there is nothing to choose.
  const shown = variables.filter(({ variable, options }) => variable.hide !== 2 && variable.type !== 'constant' && (variable.type !== 'datasource' || options.length > 1) && variable.type !== 'unknown');
  const absent = variables.filter(({ variable }) => variable.type === 'unknown' && variable.hide !== 2);
  if (shown.length === 0 && absent.length === 0) return null;
  return (
    <div className={css.bar} role="group" aria-label="Variables">
      {absent.map(({ variable }) => <span key={variable.name} className={css.absent} title="Queries are asked without it.">{variable.label === '' ? variable.name : variable.label}: this kind of variable is not supported</span>)}
      {shown.map((one) => <Picker key={one.variable.name} resolved={one} pending={pending} onChange={(values) => onChange(one.variable.name, values)} />)}
    </div>
  );
}

/** Filters as they hold, each of which can be taken away, and a form for another one. */
function Filters({ resolved, onChange }: { resolved: Resolved; onChange: (values: string[]) => void }) {
  const { variable, options, selected, source, error } = resolved;
  const label = variable.label === '' ? variable.name : variable.label;
  return (
    <div className={css.picker} title={error ?? variable.description}>
      {variable.hide !== 1 && <span className={css.label}>{label}</span>}
      {selected.map((one) => {
        const filter = readFilter(one);
        const said = filter === undefined ? one : `${filter.label} ${filter.operator} ${filter.value}`;
        // The last one that is taken away leaves a mark, so that those of the document do not come back.
        const rest = selected.filter((other) => other !== one);
        return <button key={one} type="button" className={css.chip} aria-label={`Remove the filter ${said}`} onClick={() => onChange(rest.length > 0 ? rest : [''])}>{said} ✕</button>;
      })}
      <Popover label={`${label}: add a filter`} buttonClass={css.button} button="+">
        {(close) => <NewFilter labels={options.map(({ value }) => value)} source={source} add={(filter) => { onChange([...selected, writeFilter(filter)]); close(); }} />}
      </Popover>
    </div>
  );
}

function NewFilter({ labels, source, add }: { labels: string[]; source: Resolved['source']; add: (filter: Filter) => void }) {
  const id = useId();
  const [label, setLabel] = useState('');
  const { data } = useResource((signal) => (source === undefined || !labels.includes(label) ? Promise.resolve([]) : getLabelValues(label, source.span, signal, source.api)), [label, source], { heedsRefresh: false });
  const submit = (form: FormData) => {
    const text = (name: string) => { const value = form.get(name); return typeof value === 'string' ? value.trim() : ''; };
    if (text('label') !== '') add({ label: text('label'), operator: text('operator'), value: text('value') });
  };
  return (
    <form className={css.options} onSubmit={(event) => { event.preventDefault(); submit(new FormData(event.currentTarget)); }}>
      <input name="label" className={css.filter} list={`${id} labels`} placeholder="Label" aria-label="Label" autoFocus required onChange={(event) => setLabel(event.target.value)} />
      <select name="operator" className={css.filter} aria-label="Operator">{filterOperators.map((one) => <option key={one}>{one}</option>)}</select>
      <input name="value" className={css.filter} list={`${id} values`} placeholder="Value" aria-label="Value" />
      <datalist id={`${id} labels`}>{labels.slice(0, kShownMax).map((one) => <option key={one} value={one} />)}</datalist>
      <datalist id={`${id} values`}>{(data ?? []).slice(0, kShownMax).map((one) => <option key={one} value={one} />)}</datalist>
      <Button type="submit" kind="primary">Add the filter</Button>
    </form>
  );
}

function Picker({ resolved, pending, onChange }: { resolved: Resolved; pending: boolean; onChange: (values: string[]) => void }) {
  const { variable, options, selected, error } = resolved;
  const id = useId();
  if (variable.type === 'adhoc') return <Filters resolved={resolved} onChange={onChange} />;
  const label = variable.label === '' ? variable.name : variable.label;
  const texts = selected.includes(kAll) ? 'All' : selected.map((value) => options.find((option) => option.value === value)?.text ?? value).join(', ');
  if (variable.type === 'textbox') {
    return (
      <label className={css.picker}>
        <span className={variable.hide === 1 ? 'visually-hidden' : css.label}>{label}</span>
        <input defaultValue={selected[0] ?? ''} className={css.text} onBlur={(event) => onChange([event.target.value])} onKeyDown={(event) => event.key === 'Enter' && onChange([event.currentTarget.value])} />
      </label>
    );
  }
  return (
    <div className={css.picker} title={error ?? variable.description}>
      {variable.hide !== 1 && <span className={css.label} id={id}>{label}</span>}
      <Popover
        label={`${label}: ${texts === '' ? 'nothing' : texts}`} buttonClass={css.button}
        button={<><span className={css.value}>{texts !== '' ? texts : pending ? '…' : error === undefined ? 'None' : 'Unavailable'}</span><Icon name="chevron" size={12} /></>}
      >
        {(close) => <Options resolved={resolved} choose={(values, done) => { onChange(values); if (done) close(); }} />}
      </Popover>
    </div>
  );
}

const kShownMax = 300;

function Options({ resolved, choose }: { resolved: Resolved; choose: (values: string[], done: boolean) => void }) {
  const { variable, options, selected } = resolved;
  const [filter, setFilter] = useState('');
  const wanted = filter.toLowerCase();
  const all = variable.includeAll ? [{ value: kAll, text: 'All' }] : [];
  const found = [...all, ...options].filter((option) => option.text.toLowerCase().includes(wanted));
  const toggle = (value: string) => {
    if (!variable.multi || value === kAll) return choose([value], true);
    const others = selected.filter((one) => one !== value && one !== kAll);
    const next = selected.includes(value) ? others : [...others, value];
    choose(next.length === 0 && variable.includeAll ? [kAll] : next, false);
  };
  return (
    <div className={css.options}>
      {options.length > 8 && <input className={css.filter} value={filter} placeholder="Filter" aria-label="Filter the options" autoFocus onChange={(event) => setFilter(event.target.value)} />}
      <ul role="listbox" aria-label={variable.name} aria-multiselectable={variable.multi}>
        {found.slice(0, kShownMax).map((option) => (
          <li key={option.value} role="option" aria-selected={selected.includes(option.value)}>
            <button type="button" onClick={() => toggle(option.value)}>
              {variable.multi && <span className={css.box} aria-hidden="true">{selected.includes(option.value) ? '✓' : ''}</span>}
              {option.text}
            </button>
          </li>
        ))}
      </ul>
      {found.length === 0 && (filter !== '' && (variable.type === 'query' || variable.type === 'custom')
        ? <button type="button" onClick={() => choose(variable.multi ? [...selected.filter((one) => one !== kAll), filter] : [filter], !variable.multi)}>Use “{filter}”</button>
        : <p className={css.none}>No options</p>)}
    </div>
  );
}
