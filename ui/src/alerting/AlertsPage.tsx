import { useState } from 'react';
import { Link, setSearch, useAddress } from '../app/router';
import { getRuleGroups } from '../api/prometheus';
import type { Alert, AlertingRule, Labels, Rule, RuleGroup } from '../api/types';
import { useResource } from '../api/useResource';
import { formatShort } from '../charts/numbers';
import { Badge, Choices, LabelChips, PageBar, Search, Spacer } from '../components/Controls';
import { Icon } from '../components/icons';
import { Empty, Loading, Notice, PageError } from '../components/States';
import type { Tone } from '../components/States';
import { queryAddress } from '../explore/urlState';
import { humanDuration } from '../time/duration';
import { formatAgo, formatDateTime, parseTimestamp } from '../time/format';
import { AlertingTabs } from './AlertingTabs';
import { countStates, filterGroups, ruleState } from './groups';
import type { StateFilter } from './groups';
import { matchersOf, matchersText } from './matchers';
import css from './AlertsPage.module.css';

const tones: Record<Exclude<StateFilter, 'all'>, Tone> = { firing: 'bad', pending: 'warn', inactive: 'ok', unknown: 'neutral', recording: 'info' };
const names: Record<Exclude<StateFilter, 'all'>, string> = { firing: 'Firing', pending: 'Pending', inactive: 'Inactive', unknown: 'Not evaluated yet', recording: 'Recording' };
const kRefreshMs = 5000;

export default function AlertsPage() {
  const { search } = useAddress();
  const parameters = new URLSearchParams(search);
  const text = parameters.get('search') ?? '';
  const state = (parameters.get('state') ?? 'all') as StateFilter;
  const change = (name: string, value: string, none: string) => {
    if (value === none) parameters.delete(name);
    else parameters.set(name, value);
    setSearch(parameters, { replace: true });
  };
  const { data, error, loadedAtMs } = useResource((signal) => getRuleGroups(signal), [], { everyMs: kRefreshMs });
  const counts = countStates(data ?? []);
  const groups = filterGroups(data ?? [], state, text);
  return (
    <div className={css.page}>
      <PageBar title="Alerts">
        <AlertingTabs here="/alerts" />
        <Choices
          label="State" value={state} onChange={(value) => change('state', value, 'all')}
          choices={[
            { value: 'all', label: 'All', count: counts.all },
            { value: 'firing', label: 'Firing', count: counts.firing, tone: 'bad' },
            { value: 'pending', label: 'Pending', count: counts.pending, tone: 'warn' },
            { value: 'inactive', label: 'Inactive', count: counts.inactive, tone: 'ok' },
            ...(counts.unknown > 0 ? [{ value: 'unknown' as const, label: 'New', count: counts.unknown, tone: 'neutral' as const }] : []),
            { value: 'recording', label: 'Recording', count: counts.recording, tone: 'info' },
          ]}
        />
        <Spacer />
        <Search label="Search rules" value={text} onChange={(value) => change('search', value, '')} />
      </PageBar>
      <div className={css.groups}>
        <PageError title="The rules could not be read" error={error} />
        {data === undefined && error === undefined && <Loading what="rules" />}
        {data !== undefined && data.length === 0 && <Empty title="No rules">The configuration names no rule files.</Empty>}
        {data !== undefined && data.length > 0 && groups.length === 0 && <Empty title="No rule matches">Change the search or the state filter.</Empty>}
        {groups.map((group) => <GroupSection key={`${group.file} ${group.name}`} group={group} nowMs={loadedAtMs} />)}
      </div>
    </div>
  );
}

function GroupSection({ group, nowMs }: { group: RuleGroup; nowMs: number }) {
  const lastMs = parseTimestamp(group.lastEvaluation);
  return (
    <section className={css.group} aria-label={`Rule group ${group.name}`}>
      <header className={css.groupHead}>
        <h2>{group.name}</h2>
        <span className={css.file} title={group.file}>{group.file.split('/').at(-1)}</span>
        <Spacer />
        <span className={css.facts} title={lastMs === undefined ? undefined : formatDateTime(lastMs)}>
          every {humanDuration(group.interval * 1000)} · evaluated {formatAgo(lastMs, nowMs)} in {humanDuration(group.evaluationTime * 1000)}
        </span>
      </header>
      <ul>
        {group.rules.map((rule, index) => <RuleItem key={`${rule.name} ${index}`} rule={rule} nowMs={nowMs} />)}
      </ul>
    </section>
  );
}

function RuleItem({ rule, nowMs }: { rule: Rule; nowMs: number }) {
  const state = ruleState(rule);
  const alerts = rule.type === 'alerting' ? rule.alerts : [];
  const [chosen, setChosen] = useState<boolean | undefined>(undefined);
  const open = chosen ?? alerts.length > 0;
  return (
    <li className={css.rule}>
      <div className={css.ruleHead}>
        <button type="button" className={css.fold} aria-expanded={open} onClick={() => setChosen(!open)}>
          <Icon name="chevron" size={14} className={open ? undefined : css.folded} />
          <span className={css.ruleName}>{rule.name}</span>
        </button>
        {rule.health === 'err' ? <Badge tone="bad">Cannot be evaluated</Badge> : <Badge tone={tones[state]}>{names[state]}{alerts.length > 1 ? ` · ${alerts.length}` : ''}</Badge>}
        <LabelChips labels={rule.labels ?? {}} />
      </div>
      {rule.lastError !== undefined && rule.lastError !== '' && <div className={css.ruleError}><Notice tone="bad">{rule.lastError}</Notice></div>}
      {open && (
        <div className={css.body}>
          <Link to={queryAddress(rule.query, 'graph')} className={css.expression} title="Open in Query"><code>{rule.query}</code></Link>
          {rule.type === 'alerting' && <AlertingFacts rule={rule} />}
          {alerts.length > 0 && <AlertTable alerts={alerts} ruleName={rule.name} nowMs={nowMs} />}
        </div>
      )}
    </li>
  );
}

function AlertingFacts({ rule }: { rule: AlertingRule }) {
  const waits = rule.duration > 0 ? `Fires after ${humanDuration(rule.duration * 1000)}` : 'Fires at once';
  const keeps = (rule.keepFiringFor ?? 0) > 0 ? `, keeps firing for ${humanDuration((rule.keepFiringFor ?? 0) * 1000)}` : '';
  return (
    <div className={css.meaning}>
      <span className={css.facts}>{waits}{keeps}</span>
      {rule.alerts.length === 0 && <Annotations annotations={rule.annotations} />}
    </div>
  );
}

function Annotations({ annotations }: { annotations: Labels }) {
  const entries = Object.entries(annotations);
  if (entries.length === 0) return null;
  return (
    <dl className={css.annotations}>
      {entries.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{/^https?:\/\//.test(value) ? <a href={value} target="_blank" rel="noreferrer">{value}</a> : value}</dd>
        </div>
      ))}
    </dl>
  );
}

function AlertTable({ alerts, ruleName, nowMs }: { alerts: Alert[]; ruleName: string; nowMs: number }) {
  return (
    <ul className={css.alerts} aria-label={`Alerts of ${ruleName}`}>
      {alerts.map((alert, index) => {
        const activeMs = parseTimestamp(alert.activeAt);
        return (
          <li key={index} className={`${css.alert} ${css[alert.state]}`}>
            <div className={css.alertHead}>
              <Badge tone={tones[alert.state]}>{names[alert.state]}</Badge>
              <LabelChips labels={alert.labels} without={['alertname']} />
              <Spacer />
              <span className={css.facts} title={activeMs === undefined ? undefined : formatDateTime(activeMs)}>
                active {activeMs === undefined ? '–' : humanDuration(nowMs - activeMs)}
              </span>
              <Link to={`/silences?new=${encodeURIComponent(matchersText(matchersOf(alert.labels)))}`}>Silence</Link>
              <span className={css.alertValue} title={`Value ${Number(alert.value)}`}>{formatShort(Number(alert.value), 4)}</span>
            </div>
            <Annotations annotations={alert.annotations} />
          </li>
        );
      })}
    </ul>
  );
}
