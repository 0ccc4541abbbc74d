/** Service discovery: what was found per pool, what became of it, and which relabelling rule did it. */
import { Fragment, useState } from 'react';
import { setSearch, useAddress } from '../app/router';
import { getPoolTargets, getRelabelSteps, getScrapePools } from '../api/prometheus';
import type { Labels, RelabelStep } from '../api/types';
import { useResource } from '../api/useResource';
import { Badge, Choices, LabelChips, PageBar, Search, Spacer } from '../components/Controls';
import { Icon } from '../components/icons';
import { Empty, Loading, PageError } from '../components/States';
import { changedLabels, foundTargets, ruleText } from './discovery';
import type { FoundTarget } from './discovery';
import { matching } from './facts';
import { StatusTabs } from './StatusTabs';
import css from './DiscoveryPage.module.css';

const kRefreshMs = 15_000;
const kRowsMax = 200;

type Fate = 'all' | 'active' | 'dropped';

export default function DiscoveryPage() {
  const { search } = useAddress();
  const parameters = new URLSearchParams(search);
  const pools = useResource((signal) => getScrapePools(signal), [], { everyMs: kRefreshMs });
  const pool = parameters.get('pool') ?? pools.data?.[0] ?? '';
  const text = parameters.get('search') ?? '';
  const fate = (parameters.get('state') ?? 'all') as Fate;
  const change = (name: string, value: string, none: string) => {
    if (value === none) parameters.delete(name);
    else parameters.set(name, value);
    setSearch(parameters, { replace: true });
  };
  const { data, error } = useResource(async (signal) => ({ pool, targets: pool === '' ? [] : foundTargets(await getPoolTargets(pool, signal)) }), [pool], { everyMs: kRefreshMs });
  const targets = data?.pool === pool ? data.targets : [];
  const shown = matching(targets.filter((one) => fate === 'all' || (fate === 'active') === one.active), text, (one) => Object.entries({ ...one.discovered, ...one.labels }).map(([name, value]) => `${name}=${value}`).join('\n'));
  const active = targets.filter((one) => one.active).length;
  return (
    <div className={css.page}>
      <PageBar title="Service discovery">
        <StatusTabs of="scraping" here="/service-discovery" />
        <label className={css.pool}>Pool <select value={pool} onChange={(event) => change('pool', event.target.value, '')}>{(pools.data ?? []).map((name) => <option key={name}>{name}</option>)}</select></label>
        <Choices
          label="State" value={fate} onChange={(value) => change('state', value, 'all')}
          choices={[{ value: 'all', label: 'All', count: targets.length }, { value: 'active', label: 'Active', count: active, tone: 'ok' }, { value: 'dropped', label: 'Dropped', count: targets.length - active, tone: 'neutral' }]}
        />
        <Spacer />
        <Search label="Search labels" value={text} onChange={(value) => change('search', value, '')} />
      </PageBar>
      <div className={css.content}>
        <PageError title="The pools could not be read" error={pools.error} />
        <PageError title="The targets could not be read" error={error} />
        {(pools.data === undefined || data === undefined) && pools.error === undefined && error === undefined && <Loading what="targets" />}
        {pools.data?.length === 0 && <Empty title="Nothing is discovered">The configuration names no scrape jobs.</Empty>}
        {data !== undefined && data.pool === pool && pool !== '' && shown.length === 0 && <Empty title="No target matches">Change the search, the state or the pool.</Empty>}
        {shown.length > 0 && (
          <ul className={css.list} aria-label={`Targets of ${pool}`}>
            {shown.slice(0, kRowsMax).map((target, index) => <Target key={`${pool} ${index} ${JSON.stringify(target.discovered)}`} pool={pool} target={target} />)}
          </ul>
        )}
        {shown.length > kRowsMax && <p className={css.note}>{kRowsMax} of {shown.length} targets are shown; search for others.</p>}
      </div>
    </div>
  );
}

function Target({ pool, target }: { pool: string; target: FoundTarget }) {
  const [open, setOpen] = useState(false);
  const name = target.discovered['__address__'] ?? 'target';
  return (
    <li className={css.target}>
      <div className={css.head}>
        <button type="button" className={css.fold} aria-expanded={open} aria-label={`Relabelling of ${name}`} onClick={() => setOpen(!open)}>
          <Icon name="chevron" size={14} className={open ? undefined : css.folded} />
        </button>
        <Badge tone={target.active ? 'ok' : 'neutral'}>{target.active ? 'active' : 'dropped'}</Badge>
        <span className={css.address}>{name}</span>
      </div>
      <div className={css.labels}>
        <div><h2>Discovered</h2><LabelChips labels={target.discovered} /></div>
        <div><h2>As scraped</h2>{target.active ? <LabelChips labels={target.labels} /> : <p className={css.note}>Dropped by relabelling</p>}</div>
      </div>
      {open && <Steps pool={pool} labels={target.discovered} />}
    </li>
  );
}

function Steps({ pool, labels }: { pool: string; labels: Labels }) {
  const { data, error } = useResource((signal) => getRelabelSteps(pool, labels, signal), [pool, JSON.stringify(labels)]);
  if (error !== undefined) return <PageError title="The steps could not be read" error={error} />;
  if (data === undefined) return <Loading what="the steps" />;
  if (data.length === 0) return <p className={css.note}>This pool has no relabelling rules.</p>;
  return (
    <ol className={css.steps} aria-label="Relabelling steps">
      {data.map((step, index) => <Step key={index} step={step} before={index === 0 ? labels : (data[index - 1]?.output ?? {})} />)}
    </ol>
  );
}

function Step({ step, before }: { step: RelabelStep; before: Labels }) {
  const changes = step.keep ? changedLabels(before, step.output) : [];
  return (
    <li>
      <pre>{ruleText(step.rule)}</pre>
      <p className={css.note}>
        {!step.keep && 'The target is dropped here.'}
        {step.keep && changes.length === 0 && 'Changes nothing.'}
        {changes.map(({ name, from, to }) => (
          <Fragment key={name}>
            <code>{name}</code> {from === undefined ? <>is set to <code>{to}</code></> : to === undefined ? <>is removed (was <code>{from}</code>)</> : <><code>{from}</code> → <code>{to}</code></>}<br />
          </Fragment>
        ))}
      </p>
    </li>
  );
}
