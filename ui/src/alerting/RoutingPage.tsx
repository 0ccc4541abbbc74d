/** Where alerts go: what holds an alert back on its way, and what another configuration would have told whom. */
import { useRef, useState } from 'react';
import { Link, setSearch, useAddress } from '../app/router';
import { explainAlert, tryConfiguration } from '../api/alertHistory';
import type { DryRunAnswer, Explanation } from '../api/alertHistory';
import { useResource } from '../api/useResource';
import { Badge, Button, LabelChips, PageBar } from '../components/Controls';
import { Loading, Notice, PageError } from '../components/States';
import { formatAgo, formatDateTime } from '../time/format';
import { AlertingTabs } from './AlertingTabs';
import { describeRoute } from './history';
import { matcherText, parseMatchers } from './matchers';
import { RouteTree } from './RouteTree';
import css from './HistoryPage.module.css';

const kRefreshMs = 10_000;

export default function RoutingPage() {
  const { search } = useAddress();
  const labels = new URLSearchParams(search).get('labels') ?? '';
  return (
    <div className={css.page}>
      <PageBar title="Routing"><AlertingTabs here="/routing" /></PageBar>
      <div className={css.content}>
        <Where labels={labels} />
        <TryConfiguration />
      </div>
    </div>
  );
}

function Where({ labels }: { labels: string }) {
  const parsed = parseMatchers(labels);
  const problem = 'problem' in parsed ? parsed.problem : parsed.matchers.some((one) => one.isRegex || !one.isEqual) ? 'An alert has labels, like severity="critical"; operators have no meaning here.' : undefined;
  const wanted = 'matchers' in parsed && problem === undefined ? parsed.matchers.map(matcherText) : [];
  const { data, error, loadedAtMs } = useResource(async (signal) => (wanted.length === 0 ? undefined : explainAlert(wanted, signal)), [wanted.join(',')], { everyMs: kRefreshMs });
  const change = (value: string) => setSearch(new URLSearchParams(value === '' ? {} : { labels: value }), { replace: true });
  return (
    <>
    <section className={css.section} aria-label="Where an alert goes">
      <h2>Where would an alert go, and why is somebody told or not?</h2>
      <div className={css.form}>
        <label>Its labels<input value={labels} spellCheck={false} placeholder={'alertname="DiskFull", severity="critical"'} onChange={(event) => change(event.target.value)} /></label>
        {problem !== undefined && <Notice tone="warn">{problem}</Notice>}
        <PageError title="The way could not be found out" error={error} />
        {wanted.length > 0 && data === undefined && error === undefined && <Loading what="routes" />}
        {wanted.length > 0 && data !== undefined && <Way explanation={data} nowMs={loadedAtMs} />}
      </div>
    </section>
    <RouteTree taken={new Set(wanted.length === 0 ? [] : data?.routes.map((route) => route.route))} />
    </>
  );
}

function Way({ explanation, nowMs }: { explanation: Explanation; nowMs: number }) {
  const { isKnown, isFiring, inhibitedBy, silencedBy, routes } = explanation;
  return (
    <>
      <p><Badge tone={isFiring ? 'bad' : 'neutral'}>{isFiring ? 'fires now' : isKnown ? 'is over' : 'no such alert now'}</Badge></p>
      {inhibitedBy.length > 0 && <Notice tone="info" title="Inhibited">It is held back by {inhibitedBy.length === 1 ? 'the alert' : 'the alerts'} {inhibitedBy.join(', ')}.</Notice>}
      {silencedBy.map((id) => <Notice key={id} tone="info" title="Silenced"><Link to={`/silences?state=all&id=${encodeURIComponent(id)}`}>Its silence</Link></Notice>)}
      <table className={css.table}>
        <thead><tr><th>Route</th><th>Receiver</th><th>Now</th></tr></thead>
        <tbody>{routes.map((route) => <tr key={route.groupKey}><td><code>{route.route}</code></td><td>{route.receiver}</td><td>{describeRoute(route, nowMs, (ms) => formatAgo(ms, nowMs))}</td></tr>)}</tbody>
      </table>
    </>
  );
}

function TryConfiguration() {
  const [text, setText] = useState('');
  const [state, setState] = useState<{ busy: boolean; answer?: DryRunAnswer; problem?: string }>({ busy: false });
  const running = useRef<AbortController>(undefined);
  const run = async () => {
    running.current?.abort();
    const controller = new AbortController();
    running.current = controller;
    setState({ busy: true });
    try {
      setState({ busy: false, answer: await tryConfiguration(text, controller.signal) });
    } catch (error) {
      if (!controller.signal.aborted) setState({ busy: false, problem: error instanceof Error ? error.message : String(error) });
    }
  };
  const stop = () => {
    running.current?.abort();
    setState({ busy: false });
  };
  return (
    <section className={css.section} aria-label="Try a configuration">
      <h2>What would another alertmanager.yml have told whom?</h2>
      <form className={css.form} onSubmit={(event) => { event.preventDefault(); void run(); }}>
        <label>The file<textarea rows={8} value={text} spellCheck={false} onChange={(event) => setText(event.target.value)} placeholder={'route:\n  receiver: team\nreceivers:\n- name: team'} /></label>
        <div className={css.row}>
          {state.busy ? <Button onClick={stop}>Stop</Button> : <Button kind="primary" type="submit" disabled={text.trim() === ''}>Try it</Button>}
          <span className={css.facts}>Nothing is sent, and nothing changes.</span>
        </div>
        {state.busy && <Loading what="what would have been sent" />}
        {state.problem !== undefined && <Notice tone="bad" title="It cannot be tried">{state.problem}</Notice>}
        {state.answer !== undefined && <Outcome answer={state.answer} />}
      </form>
    </section>
  );
}

function Outcome({ answer }: { answer: DryRunAnswer }) {
  const { current, proposed, changes, changesTotal } = answer;
  const names = [...new Set([...current.receivers, ...proposed.receivers].map((one) => one.receiver))].sort();
  const told = (run: DryRunAnswer['current'], name: string) => {
    const found = run.receivers.find((one) => one.receiver === name);
    return found === undefined ? '–' : `${found.notifications} with ${found.alertsTold} ${found.alertsTold === 1 ? 'alert' : 'alerts'}`;
  };
  return (
    <div aria-live="polite" role="region" aria-label="Outcome">
      <p className={css.facts}>From {formatDateTime(Date.parse(answer.start))} to {formatDateTime(Date.parse(answer.end))}</p>
      <table className={css.table}>
        <thead><tr><th>Receiver</th><th>Messages now</th><th>Then</th></tr></thead>
        <tbody>
          {names.map((name) => <tr key={name}><td>{name}</td><td>{told(current, name)}</td><td>{told(proposed, name)}</td></tr>)}
          <tr><td>All</td><td>{current.notificationsTotal}</td><td>{proposed.notificationsTotal}</td></tr>
        </tbody>
      </table>
      {changesTotal === 0 ? <p>Every alert would have reached the same receivers.</p> : (
        <table className={css.table}>
          <thead><tr><th>Alerts that others would have been told of</th><th>Now</th><th>Then</th></tr></thead>
          <tbody>{changes.map((one, index) => <tr key={index}><td><LabelChips labels={one.labels} /></td><td>{one.current.join(', ') || 'nobody'}</td><td>{one.proposed.join(', ') || 'nobody'}</td></tr>)}</tbody>
        </table>
      )}
      {changesTotal > changes.length && <p className={css.facts}>and {changesTotal - changes.length} more</p>}
    </div>
  );
}
