/** Runtime, build and storage: what Prometheus shows under Status, and where alerts are sent. */
import { setSearch, useAddress } from '../app/router';
import { getAlertmanagers, getBuildInfo, getRuntimeInfo, getTsdbStatus } from '../api/prometheus';
import type { NamedCount } from '../api/types';
import { useResource } from '../api/useResource';
import { Choices, PageBar } from '../components/Controls';
import { Empty, Loading, PageError } from '../components/States';
import { queryAddress } from '../explore/urlState';
import { Link } from '../app/router';
import { factsOf, matcherOf } from './facts';
import { StatusTabs } from './StatusTabs';
import css from './StatusPage.module.css';

const kRefreshMs = 15_000;

export default function StatusPage() {
  const { search } = useAddress();
  const rows = Number(new URLSearchParams(search).get('rows')) || 10;
  const runtime = useResource((signal) => getRuntimeInfo(signal), [], { everyMs: kRefreshMs });
  const build = useResource((signal) => getBuildInfo(signal), []);
  const tsdb = useResource((signal) => getTsdbStatus(rows, signal), [rows], { everyMs: kRefreshMs });
  const receivers = useResource((signal) => getAlertmanagers(signal), [], { everyMs: kRefreshMs });
  const head = tsdb.data?.headStats;
  return (
    <div className={css.page}>
      <PageBar title="Status">
        <StatusTabs of="server" here="/status" />
      </PageBar>
      <div className={css.content}>
        <div className={css.pair}>
          <Facts title="Runtime" resource={runtime} facts={factsOf(runtime.data ?? {})} />
          <Facts title="Build" resource={build} facts={factsOf((build.data ?? {}) as unknown as Record<string, string>)} />
        </div>
        <Facts
          title="Head of the store" resource={tsdb}
          facts={head === undefined ? [] : factsOf({ numSeries: head.numSeries, numLabelPairs: head.numLabelPairs, chunkCount: head.chunkCount, minTime: new Date(head.minTime).toISOString(), maxTime: new Date(head.maxTime).toISOString() })}
        />
        {tsdb.data !== undefined && (
          <>
            <div className={css.bar}>
              <h2>Cardinality</h2>
              <Choices label="Rows" value={String(rows)} choices={['10', '25', '50'].map((value) => ({ value, label: value }))} onChange={(value) => setSearch(new URLSearchParams(value === '10' ? {} : { rows: value }), { replace: true })} />
              <Link to="/cardinality">What it costs</Link>
            </div>
            <div className={css.pair}>
              <Counts title="Series by metric" counts={tsdb.data.seriesCountByMetricName} query={(name) => `{__name__="${name}"}`} />
              <Counts title="Values by label" counts={tsdb.data.labelValueCountByLabelName} query={(name) => `count by (${name}) ({${name}!=""})`} />
              <Counts title="Bytes of values by label" counts={tsdb.data.memoryInBytesByLabelName} query={(name) => `count by (${name}) ({${name}!=""})`} />
              <Counts title="Series by label and value" counts={tsdb.data.seriesCountByLabelValuePair} query={matcherOf} />
            </div>
          </>
        )}
        <section className={css.section} aria-label="Notifications">
          <h2>Notifications go to</h2>
          <PageError title="The receivers could not be read" error={receivers.error} />
          {receivers.data !== undefined && receivers.data.activeAlertmanagers.length === 0 && <Empty title="No Alertmanager">The configuration names none, or none was found.</Empty>}
          <ul className={css.list}>
            {receivers.data?.activeAlertmanagers.map(({ url }) => <li key={url}>{url}</li>)}
            {receivers.data?.droppedAlertmanagers.map(({ url }) => <li key={url} className={css.faint}>{url} (dropped)</li>)}
          </ul>
        </section>
      </div>
    </div>
  );
}

interface FactsProps {
  title: string;
  resource: { data: unknown; error: Error | undefined };
  facts: { name: string; value: string }[];
}

function Facts({ title, resource, facts }: FactsProps) {
  return (
    <section className={css.section} aria-label={title}>
      <h2>{title}</h2>
      <PageError title={`${title} could not be read`} error={resource.error} />
      {resource.data === undefined && resource.error === undefined && <Loading what={title} />}
      <dl className={css.facts}>{facts.map(({ name, value }) => <div key={name}><dt>{name}</dt><dd>{value}</dd></div>)}</dl>
    </section>
  );
}

function Counts({ title, counts, query }: { title: string; counts: NamedCount[]; query: (name: string) => string }) {
  return (
    <section className={css.section}>
      <table className={css.table} aria-label={title}>
        <thead><tr><th scope="col">{title}</th><th scope="col">Count</th></tr></thead>
        <tbody>{counts.map(({ name, value }) => <tr key={name}><td><Link to={queryAddress(query(name), 'table')}>{name}</Link></td><td>{value.toLocaleString('en')}</td></tr>)}</tbody>
      </table>
    </section>
  );
}
