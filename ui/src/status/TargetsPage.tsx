import { Fragment, useState } from 'react';
import { setSearch, useAddress } from '../app/router';
import { getTargets } from '../api/prometheus';
import type { ActiveTarget, TargetHealth } from '../api/types';
import { useResource } from '../api/useResource';
import { Badge, Button, Choices, LabelChips, PageBar, Search, Spacer } from '../components/Controls';
import { Icon } from '../components/icons';
import { Empty, Loading, PageError } from '../components/States';
import type { Tone } from '../components/States';
import { humanDuration } from '../time/duration';
import { formatAgo, formatDateTime, parseTimestamp } from '../time/format';
import { countHealth, groupPools } from './pools';
import type { HealthFilter, Pool } from './pools';
import { ScrapeConfig } from './ScrapeConfig';
import { StatusTabs } from './StatusTabs';
import { TargetBody } from './TargetBody';
import css from './TargetsPage.module.css';

const tones: Record<TargetHealth, Tone> = { up: 'ok', down: 'bad', unknown: 'neutral' };
const kRefreshMs = 5000;

export default function TargetsPage() {
  const { search } = useAddress();
  const parameters = new URLSearchParams(search);
  const text = parameters.get('search') ?? '';
  const health = (parameters.get('health') ?? 'all') as HealthFilter;
  const change = (name: string, value: string, none: string) => {
    if (value === none) parameters.delete(name);
    else parameters.set(name, value);
    setSearch(parameters, { replace: true });
  };
  const { data, error, loadedAtMs } = useResource((signal) => getTargets(signal), [], { everyMs: kRefreshMs });
  const targets = data?.activeTargets ?? [];
  const counts = countHealth(targets);
  const pools = groupPools(targets, health, text);
  return (
    <div className={css.page}>
      <PageBar title="Targets">
        <StatusTabs of="scraping" here="/targets" />
        <Choices
          label="Health" value={health} onChange={(value) => change('health', value, 'all')}
          choices={[
            { value: 'all', label: 'All', count: counts.all },
            { value: 'up', label: 'Up', count: counts.up, tone: 'ok' },
            { value: 'down', label: 'Down', count: counts.down, tone: 'bad' },
            { value: 'unknown', label: 'Unknown', count: counts.unknown, tone: 'neutral' },
          ]}
        />
        <Spacer />
        <Search label="Search targets" value={text} onChange={(value) => change('search', value, '')} />
      </PageBar>
      <div className={css.pools}>
        <PageError title="The targets could not be read" error={error} />
        {data === undefined && error === undefined && <Loading what="targets" />}
        {data !== undefined && targets.length === 0 && <Empty title="Nothing is scraped">The configuration names no targets, or discovery has found none yet.</Empty>}
        {targets.length > 0 && pools.length === 0 && <Empty title="No target matches">Change the search or the health filter.</Empty>}
        {pools.map((pool) => <PoolSection key={pool.name} pool={pool} nowMs={loadedAtMs} />)}
      </div>
    </div>
  );
}

function PoolSection({ pool, nowMs }: { pool: Pool; nowMs: number }) {
  const [open, setOpen] = useState(true);
  const [configShown, setConfigShown] = useState(false);
  const healthy = pool.up === pool.total;
  return (
    <section className={css.pool} aria-label={`Pool ${pool.name}`}>
      <header className={css.head}>
        <button type="button" className={css.fold} aria-expanded={open} onClick={() => setOpen(!open)}>
          <Icon name="chevron" size={14} className={open ? undefined : css.folded} />
          <h2>{pool.name}</h2>
        </button>
        <Badge tone={healthy ? 'ok' : 'bad'}>{pool.up} of {pool.total} up</Badge>
        <Spacer />
        <Button kind="quiet" onClick={() => setConfigShown(true)}>Scrape config</Button>
      </header>
      {open && (
        <div className={css.scroll}>
          <table className={css.table}>
            <colgroup><col className={css.wide} /><col className={css.health} /><col className={css.wide} /><col className={css.ago} /><col className={css.took} /></colgroup>
            <thead>
              <tr><th scope="col">Endpoint</th><th scope="col">Health</th><th scope="col">Labels</th><th scope="col">Last scrape</th><th scope="col">Duration</th></tr>
            </thead>
            <tbody>
              {pool.targets.map((target, index) => <TargetRows key={`${target.scrapeUrl} ${index}`} target={target} nowMs={nowMs} />)}
            </tbody>
          </table>
        </div>
      )}
      {configShown && <ScrapeConfig pool={pool} close={() => setConfigShown(false)} />}
    </section>
  );
}

/** A link where a browser can follow it; collectors inside the server have addresses that it cannot. */
function Endpoint({ target }: { target: ActiveTarget }) {
  const address = target.globalUrl || target.scrapeUrl;
  if (!/^https?:\/\//.test(address)) return <span>{target.scrapeUrl}</span>;
  return <a href={address} target="_blank" rel="noreferrer">{target.scrapeUrl}</a>;
}

function TargetRows({ target, nowMs }: { target: ActiveTarget; nowMs: number }) {
  const [open, setOpen] = useState(false);
  const [bodyShown, setBodyShown] = useState(false);
  const lastMs = parseTimestamp(target.lastScrape);
  return (
    <Fragment>
      <tr>
        <td className={css.endpoint}>
          <button type="button" className={css.expand} aria-expanded={open} aria-label={`Details of ${target.scrapeUrl}`} onClick={() => setOpen(!open)}>
            <Icon name="chevron" size={14} className={open ? undefined : css.folded} />
          </button>
          <Endpoint target={target} />
          <Button kind="quiet" className={css.show} aria-label={`Body of ${target.scrapeUrl}`} onClick={() => setBodyShown(true)}>Body</Button>
          {bodyShown && <TargetBody target={target} close={() => setBodyShown(false)} />}
        </td>
        <td><Badge tone={tones[target.health]}>{target.health}</Badge></td>
        <td><LabelChips labels={target.labels} /></td>
        <td className={css.number} title={lastMs === undefined ? undefined : formatDateTime(lastMs)}>{formatAgo(lastMs, nowMs)}</td>
        <td className={css.number}>{lastMs === undefined ? '–' : humanDuration(target.lastScrapeDuration * 1000)}</td>
      </tr>
      {target.lastError !== '' && (
        <tr className={css.errorRow}><td colSpan={5}><span className={css.error}><Icon name="warning" size={14} />{target.lastError}</span></td></tr>
      )}
      {open && (
        <tr className={css.details}>
          <td colSpan={5}>
            <dl>
              <div><dt>Scraped every</dt><dd>{target.scrapeInterval}, for at most {target.scrapeTimeout}</dd></div>
              <div><dt>Discovered labels</dt><dd><LabelChips labels={target.discoveredLabels} /></dd></div>
            </dl>
          </td>
        </tr>
      )}
    </Fragment>
  );
}
