/** What happened to alerts: when they began and ended, what held them back, who was told; which of them are noise; each message. */
import { useState } from 'react';
import type { ReactNode } from 'react';
import { Link, setSearch, useAddress } from '../app/router';
import { getDeliveries, getHistory, getHistoryStatistics } from '../api/alertHistory';
import type { AlertnameStatistics, Delivery, HistoryEvent } from '../api/alertHistory';
import { ApiError } from '../api/client';
import { useResource } from '../api/useResource';
import { Badge, Button, Choices, LabelChips, PageBar, Search, Spacer } from '../components/Controls';
import { Empty, Loading, Notice, PageError } from '../components/States';
import { humanDuration } from '../time/duration';
import { formatAgo, formatDateTime } from '../time/format';
import { AlertingTabs } from './AlertingTabs';
import { describeEvent, isKindGroup, kindGroups, kindNames, kindTones } from './history';
import type { KindGroup } from './history';
import { matcherText, parseMatchers } from './matchers';
import css from './HistoryPage.module.css';

const kRefreshMs = 10_000;
const kPageEvents = 100;
const kMaxEvents = 10_000;
const kMaxRows = 50;
type View = 'events' | 'noise' | 'deliveries';
const views: View[] = ['events', 'noise', 'deliveries'];

export default function HistoryPage() {
  const { search } = useAddress();
  const parameters = new URLSearchParams(search);
  const text = parameters.get('filter') ?? '';
  const view = views.find((one) => one === parameters.get('view')) ?? 'events';
  const kinds = parameters.get('kinds');
  const group: KindGroup = isKindGroup(kinds) ? kinds : 'all';
  const change = (name: string, value: string, none: string) => {
    const next = new URLSearchParams(window.location.search);
    if (value === none) next.delete(name);
    else next.set(name, value);
    setSearch(next, { replace: true });
  };
  const parsed = parseMatchers(text);
  const filter = 'matchers' in parsed ? parsed.matchers.map(matcherText) : [];
  return (
    <div className={css.page}>
      <PageBar title="Alert history">
        <AlertingTabs here="/alert-history" />
        <Choices
          label="View" value={view} onChange={(value) => change('view', value, 'events')}
          choices={[{ value: 'events', label: 'Events' }, { value: 'noise', label: 'Noise' }, { value: 'deliveries', label: 'Messages' }]}
        />
        {view === 'events' && (
          <Choices
            label="Kind" value={group} onChange={(value) => change('kinds', value, 'all')}
            choices={[{ value: 'all', label: 'All' }, { value: 'changes', label: 'Began and ended' }, { value: 'told', label: 'Told' }, { value: 'held', label: 'Held back' }]}
          />
        )}
        <Spacer />
        {view !== 'deliveries' && <Search label={'Matchers, like severity="critical"'} value={text} onChange={(value) => change('filter', value, '')} />}
      </PageBar>
      <div className={css.content}>
        {'problem' in parsed && view !== 'deliveries' && <Notice tone="warn" title="The filter is not applied">{parsed.problem}</Notice>}
        {view === 'events' && <Events key={`${filter.join(',')} ${group}`} filter={filter} group={group} />}
        {view === 'noise' && <Noise filter={filter} />}
        {view === 'deliveries' && <Deliveries />}
      </div>
    </div>
  );
}

function Trouble({ error }: { error: Error | undefined }) {
  if (error instanceof ApiError && error.status === 404) return <Notice tone="info" title="No history here">This server keeps no history of alerts.</Notice>;
  return <PageError title="The history could not be read" error={error} />;
}

function Events({ filter, group }: { filter: string[]; group: KindGroup }) {
  const [limit, setLimit] = useState(kPageEvents);
  const { data, error, loadedAtMs } = useResource((signal) => getHistory(filter, kindGroups[group], limit, signal), [limit], { everyMs: kRefreshMs });
  return (
    <>
      <Trouble error={error} />
      {data === undefined && error === undefined && <Loading what="events" />}
      {data?.events.length === 0 && <Empty title="Nothing happened">{filter.length === 0 && group === 'all' ? 'No alert has fired yet.' : 'Change the filter or the kind.'}</Empty>}
      {data !== undefined && data.events.length > 0 && (
        <ul className={css.list} aria-label="Events">
          {data.events.map((event) => <EventItem key={event.id} event={event} nowMs={loadedAtMs} />)}
        </ul>
      )}
      {data?.nextBefore !== undefined && limit < kMaxEvents && <div><Button onClick={() => setLimit(Math.min(kMaxEvents, limit * 2))}>Older</Button></div>}
    </>
  );
}

function EventItem({ event, nowMs }: { event: HistoryEvent; nowMs: number }) {
  const timeMs = Date.parse(event.time);
  const labels = Object.entries(event.labels).map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(',');
  return (
    <li className={css.item}>
      <span className={css.facts} title={formatAgo(timeMs, nowMs)}>{formatDateTime(timeMs)}</span>
      <Badge tone={kindTones[event.kind]}>{kindNames[event.kind]}</Badge>
      <strong>{event.labels['alertname'] ?? 'Alert'}</strong>
      <LabelChips labels={event.labels} without={['alertname']} />
      <span className={css.what}>{describeEvent(event)}</span>
      <Spacer />
      {event.kind === 'silenced' && (event.detail ?? '').split(' ').filter((id) => id !== '').map((id) => <Link key={id} to={`/silences?state=all&id=${encodeURIComponent(id)}`}>Its silence</Link>)}
      <Link to={`/routing?labels=${encodeURIComponent(labels)}`}>Why</Link>
    </li>
  );
}

function Noise({ filter }: { filter: string[] }) {
  const { data, error } = useResource((signal) => getHistoryStatistics(filter, kMaxRows, signal), [filter.join(',')], { everyMs: kRefreshMs });
  if (data === undefined) return error === undefined ? <Loading what="statistics" /> : <Trouble error={error} />;
  const hours = (Date.parse(data.end) - Date.parse(data.start)) / 3_600_000;
  return (
    <>
      <Trouble error={error} />
      <section className={css.section} aria-label="Alerts by how often they change">
        <h2>Alerts of the last {humanDuration(Math.max(1000, hours * 3_600_000))}, those that change most first</h2>
        {data.alertnames.length === 0 ? <p className={css.facts}>No alert fired.</p> : (
          <table className={css.table}>
            <thead><tr><th>Alert</th><th>Different</th><th>Began</th><th>Lasted</th><th>Messages</th><th>Failed</th><th title="Told of and over before anybody silenced them">Nobody acted</th></tr></thead>
            <tbody>{data.alertnames.map((one) => <NoiseRow key={one.alertname} one={one} />)}</tbody>
          </table>
        )}
        {data.alertnamesTotal > data.alertnames.length && <p className={css.facts}>and {data.alertnamesTotal - data.alertnames.length} more</p>}
      </section>
      <section className={css.section} aria-label="Receivers">
        <h2>Receivers</h2>
        {data.receivers.length === 0 ? <p className={css.facts}>Nobody was told of anything.</p> : (
          <table className={css.table}>
            <thead><tr><th>Receiver</th><th>Messages</th><th>Failed</th><th>Alerts in them</th></tr></thead>
            <tbody>{data.receivers.map((one) => <tr key={one.receiver}><td>{one.receiver}</td><td>{one.notifications}</td><td>{one.notificationsFailed}</td><td>{one.alertsTold}</td></tr>)}</tbody>
          </table>
        )}
      </section>
    </>
  );
}

function NoiseRow({ one }: { one: AlertnameStatistics }) {
  const cells: ReactNode[] = [
    one.alerts, one.firings, one.ended === 0 ? '–' : humanDuration(Math.max(1000, one.meanDurationSeconds * 1000)), one.notifications, one.notificationsFailed,
    one.toldAndEnded === 0 ? '–' : `${one.neverActedOn} of ${one.toldAndEnded}`,
  ];
  return (
    <tr>
      <td><Link to={`/alert-history?filter=${encodeURIComponent(`alertname=${JSON.stringify(one.alertname)}`)}`}>{one.alertname}</Link> {one.isFlapping && <Badge tone="warn">flaps</Badge>}</td>
      {cells.map((cell, index) => <td key={index}>{cell}</td>)}
    </tr>
  );
}

function Deliveries() {
  const { data, error, loadedAtMs } = useResource((signal) => getDeliveries(signal), [], { everyMs: kRefreshMs });
  return (
    <>
      <Trouble error={error} />
      {data === undefined && error === undefined && <Loading what="messages" />}
      {data?.length === 0 && <Empty title="No message">Nothing was sent since the server started.</Empty>}
      {data !== undefined && data.length > 0 && (
        <ul className={css.list} aria-label="Messages">
          {data.map((one, index) => <DeliveryItem key={`${one.time} ${one.receiver} ${index}`} one={one} nowMs={loadedAtMs} />)}
        </ul>
      )}
    </>
  );
}

function DeliveryItem({ one, nowMs }: { one: Delivery; nowMs: number }) {
  const timeMs = Date.parse(one.time);
  return (
    <li className={css.item}>
      <span className={css.facts} title={formatAgo(timeMs, nowMs)}>{formatDateTime(timeMs)}</span>
      <Badge tone={one.delivered ? 'ok' : 'bad'}>{one.delivered ? 'Delivered' : 'Not delivered'}</Badge>
      <strong>{one.receiver}</strong>
      <span className={css.what}>{one.integration}, {one.reason}, {one.alerts} {one.alerts === 1 ? 'alert' : 'alerts'}{one.attempts > 1 ? `, after ${one.attempts} attempts` : ''}</span>
      <Spacer />
      <code className={css.facts}>{one.groupKey}</code>
      {one.error !== '' && <span className={css.what}>{one.error}</span>}
    </li>
  );
}
