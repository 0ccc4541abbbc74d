/** Alerts as they are routed: a group per receiver and grouping labels, as one notification would hold them. */
import { Link, setSearch, useAddress } from '../app/router';
import { getAlertGroups, getAlertmanagerStatus } from '../api/alertmanager';
import type { AlertGroup, RoutedAlert } from '../api/alertmanager';
import { ApiError } from '../api/client';
import { useResource } from '../api/useResource';
import { Badge, LabelChips, PageBar, Search, Spacer } from '../components/Controls';
import { Empty, Loading, Notice, PageError } from '../components/States';
import { safeUrl } from '../panels/options';
import { formatAgo, formatDateTime, parseTimestamp } from '../time/format';
import { AlertingTabs } from './AlertingTabs';
import { matcherText, matchersOf, matchersText, parseMatchers } from './matchers';
import css from './NotificationsPage.module.css';

const kRefreshMs = 10_000;
const kAlertsMax = 500;

export default function NotificationsPage() {
  const { search } = useAddress();
  const parameters = new URLSearchParams(search);
  const text = parameters.get('filter') ?? '';
  const receiver = parameters.get('receiver') ?? '';
  const silenced = parameters.get('silenced') === 'true';
  const inhibited = parameters.get('inhibited') === 'true';
  const change = (name: string, value: string) => {
    if (value === '' || value === 'false') parameters.delete(name);
    else parameters.set(name, value);
    setSearch(parameters, { replace: true });
  };
  const parsed = parseMatchers(text);
  const filter = 'matchers' in parsed ? parsed.matchers.map(matcherText) : [];
  const { data, error, loadedAtMs } = useResource((signal) => getAlertGroups(filter, { silenced, inhibited }, signal), [filter.join(','), silenced, inhibited], { everyMs: kRefreshMs });
  const status = useResource((signal) => getAlertmanagerStatus(signal), [], { everyMs: 60_000 });
  const receivers = [...new Set((data ?? []).map((group) => group.receiver.name))].sort();
  const groups = (data ?? []).filter((group) => receiver === '' || group.receiver.name === receiver);
  const absent = error instanceof ApiError && error.status === 404;
  return (
    <div className={css.page}>
      <PageBar title="Notifications">
        <AlertingTabs here="/alertmanager" />
        <label className={css.option}>Receiver <select value={receiver} onChange={(event) => change('receiver', event.target.value)}><option value="">All</option>{receivers.map((name) => <option key={name}>{name}</option>)}</select></label>
        <label className={css.option}><input type="checkbox" checked={silenced} onChange={(event) => change('silenced', String(event.target.checked))} /> Silenced</label>
        <label className={css.option}><input type="checkbox" checked={inhibited} onChange={(event) => change('inhibited', String(event.target.checked))} /> Inhibited</label>
        <Spacer />
        <Search label={'Matchers, like severity="critical"'} value={text} onChange={(value) => change('filter', value)} />
      </PageBar>
      <div className={css.groups}>
        {'problem' in parsed && <Notice tone="warn" title="The filter is not applied">{parsed.problem}</Notice>}
        {absent ? <Notice tone="info" title="No Alertmanager here">This server does not answer at /api/v2; alerts go to the receivers that its configuration names.</Notice> : <PageError title="The groups could not be read" error={error} />}
        {data === undefined && error === undefined && <Loading what="alerts" />}
        {data !== undefined && groups.length === 0 && <Empty title="No alert">{text === '' && receiver === '' ? 'Nothing is firing.' : 'Nothing matches.'}</Empty>}
        {groups.map((group) => <Group key={`${group.receiver.name} ${JSON.stringify(group.labels)}`} group={group} nowMs={loadedAtMs} />)}
        {status.data !== undefined && (
          <section className={css.group} aria-label="Alertmanager">
            <details className={css.config}>
              <summary>Configuration{status.data.versionInfo?.version === undefined ? '' : ` · version ${status.data.versionInfo.version}`}{status.data.cluster === undefined ? '' : ` · cluster ${status.data.cluster.status}, ${status.data.cluster.peers?.length ?? 0} peers`}</summary>
              <pre>{status.data.config.original}</pre>
            </details>
          </section>
        )}
      </div>
    </div>
  );
}

function Group({ group, nowMs }: { group: AlertGroup; nowMs: number }) {
  return (
    <section className={css.group} aria-label={`Group ${matchersText(matchersOf(group.labels)) || 'without labels'} for ${group.receiver.name}`}>
      <header className={css.head}>
        <h2>{group.receiver.name}</h2>
        <LabelChips labels={group.labels} />
        <Spacer />
        <span className={css.facts}>{group.alerts.length} {group.alerts.length === 1 ? 'alert' : 'alerts'}</span>
        {Object.keys(group.labels).length > 0 && <Link to={`/silences?new=${encodeURIComponent(matchersText(matchersOf(group.labels)))}`}>Silence</Link>}
      </header>
      <ul>{group.alerts.slice(0, kAlertsMax).map((alert) => <AlertItem key={alert.fingerprint} alert={alert} nowMs={nowMs} />)}</ul>
      {group.alerts.length > kAlertsMax && <p className={css.facts}>and {group.alerts.length - kAlertsMax} more</p>}
    </section>
  );
}

function AlertItem({ alert, nowMs }: { alert: RoutedAlert; nowMs: number }) {
  const startMs = parseTimestamp(alert.startsAt);
  const { state, silencedBy, inhibitedBy } = alert.status;
  const source = alert.generatorURL === undefined ? undefined : safeUrl(alert.generatorURL);
  return (
    <li className={css.alert}>
      <div className={css.head}>
        <Badge tone={state === 'active' ? 'bad' : state === 'suppressed' ? 'neutral' : 'warn'}>{silencedBy.length > 0 ? 'silenced' : inhibitedBy.length > 0 ? 'inhibited' : state}</Badge>
        <strong>{alert.labels['alertname'] ?? 'Alert'}</strong>
        <LabelChips labels={alert.labels} without={['alertname']} />
        <Spacer />
        <span className={css.facts} title={startMs === undefined ? undefined : formatDateTime(startMs)}>{formatAgo(startMs, nowMs)}</span>
        {silencedBy.map((id) => <Link key={id} to={`/silences?state=all&id=${encodeURIComponent(id)}`}>Its silence</Link>)}
        {silencedBy.length === 0 && <Link to={`/silences?new=${encodeURIComponent(matchersText(matchersOf(alert.labels)))}`}>Silence</Link>}
        {source !== undefined && <a href={source} rel="noreferrer">Source</a>}
      </div>
      <dl className={css.annotations}>
        {Object.entries(alert.annotations).map(([name, value]) => (
          <div key={name}><dt>{name}</dt><dd>{/^https?:\/\//.test(value) ? <a href={value} target="_blank" rel="noreferrer">{value}</a> : value}</dd></div>
        ))}
      </dl>
    </li>
  );
}
