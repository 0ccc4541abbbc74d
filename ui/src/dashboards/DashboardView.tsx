/** A dashboard on the page: its tools, its variables, its grid of panels. */
import { useCallback, useEffect, useMemo, useState } from 'react';
import { setSearch, useAddress } from '../app/router';
import { useScheme } from '../app/theme';
import { useRefreshAll, useResource } from '../api/useResource';
import { PageBar, Spacer } from '../components/Controls';
import { Icon } from '../components/icons';
import { Empty, Notice } from '../components/States';
import { RefreshPicker, TimePicker } from '../components/TimePicker';
import { useSize } from '../components/useSize';
import { grafanaTheme } from '../grafana';
import { parseDuration } from '../time/duration';
import { absoluteRange, resolveRange } from '../time/range';
import type { ResolvedRange, TimeRange } from '../time/range';
import { forReading, interpolate, single } from './interpolate';
import type { VariableValue } from './interpolate';
import { layout } from './layout';
import type { Dashboard, Panel } from './model';
import { PanelFrame } from './PanelFrame';
import { repeatAll } from './repeat';
import { readView, withRange, withRefresh, withVariable } from './urlState';
import { VariableBar } from './VariableBar';
import { resolveVariables, unresolved, valueOf } from './variables';
import type { Resolved } from './variables';
import css from './DashboardView.module.css';

/** Below this width of the grid, panels stand in one column. */
const kNarrowPx = 640;

/** The moment that relative ranges end at: taken anew on a timer and when the page is refreshed. */
function useNow(everyMs: number): { nowMs: number; refresh: () => void } {
  const [nowMs, setNowMs] = useState(() => Date.now());
  const refresh = useCallback(() => setNowMs(Date.now()), []);
  useRefreshAll(refresh);
  useEffect(() => {
    if (everyMs <= 0) return;
    const whenShown = () => { if (!document.hidden) refresh(); };
    const timer = window.setInterval(whenShown, everyMs);
    document.addEventListener('visibilitychange', whenShown);
    return () => {
      window.clearInterval(timer);
      document.removeEventListener('visibilitychange', whenShown);
    };
  }, [everyMs, refresh]);
  return { nowMs, refresh };
}

const scopeKey = (panel: Panel) => `${panel.id} ${Object.entries(panel.scope).map(([name, value]) => `${name}=${value}`).join(' ')}`;

const kFallbackRange: TimeRange = { from: 'now-1h', to: 'now' };

export function DashboardView({ dashboard }: { dashboard: Dashboard }) {
  const { search } = useAddress();
  const view = useMemo(() => readView(search, dashboard), [search, dashboard]);
  const { nowMs, refresh } = useNow(parseDuration(view.refresh) ?? 0);
  const wanted = useMemo(() => resolveRange(view.range, nowMs, dashboard.utc), [view.range.from, view.range.to, nowMs, dashboard.utc]);
  const range = useMemo(() => wanted ?? resolveRange(kFallbackRange, nowMs) ?? { fromMs: nowMs - 3_600_000, toMs: nowMs }, [wanted, nowMs]);
  const resolved = useVariables(dashboard, range, view.wishes, nowMs);
  return (
    <div className={css.page}>
      <PageBar title={dashboard.title}>
        <VariableBar variables={resolved ?? unresolved(dashboard.variables)} pending={resolved === undefined} onChange={(name, values) => setSearch(withVariable(search, name, values))} />
        <Spacer />
        <TimePicker range={view.range} utc={dashboard.utc} onChange={(next) => setSearch(withRange(search, next))} />
        <RefreshPicker every={view.refresh} onChange={(every) => setSearch(withRefresh(search, every))} onRefresh={refresh} busy={false} />
      </PageBar>
      {wanted === undefined && (
        <div className={css.notice}><Notice tone="warn" title="The time range cannot be read">{view.range.from} to {view.range.to}; the last hour is shown.</Notice></div>
      )}
      {resolved !== undefined && <Unanswered variables={resolved} />}
      <Grid dashboard={dashboard} range={range} resolved={resolved} turn={nowMs} search={search} />
    </div>
  );
}

/**
 * Options change slowly: they are asked for when the range or a selection changes by more than a minute. Only while a
 * variable has none, as just after the server's first start, does every refresh (`turn`) ask again.
 */
function useVariables(dashboard: Dashboard, range: ResolvedRange, wishes: ReadonlyMap<string, string[]>, turn: number): Resolved[] | undefined {
  const [incomplete, setIncomplete] = useState(false);
  const spanKey = `${Math.round(range.fromMs / 60_000)} ${Math.round((range.toMs - range.fromMs) / 60_000)}`;
  const { data } = useResource(
    (signal) => resolveVariables(dashboard.variables, wishes, { startMs: range.fromMs, endMs: range.toMs }, signal),
    [dashboard, spanKey, JSON.stringify([...wishes]), incomplete ? turn : 0],
  );
  useEffect(() => setIncomplete(data?.some(({ variable, options }) => variable.type === 'query' && options.length === 0) ?? false), [data]);
  return data;
}

/** Panels that name a variable without a value stay empty; this says why, and that waiting helps when a server has just started. */
function Unanswered({ variables }: { variables: Resolved[] }) {
  const empty = variables.filter(({ variable, options }) => variable.type === 'query' && variable.hide !== 2 && !variable.includeAll && options.length === 0);
  if (empty.length === 0) return null;
  const failed = empty.find(({ error }) => error !== undefined);
  const names = empty.map(({ variable }) => (variable.label === '' ? variable.name : variable.label)).join(' and ');
  return (
    <div className={css.notice}>
      {failed === undefined
        ? <Notice tone="info" title={`Nothing to choose for ${names} yet`}>The server has no series that answer it in this range. The page fills itself when the first samples arrive.</Notice>
        : <Notice tone="warn" title={`The values of ${names} could not be read`}>{failed.error}</Notice>}
    </div>
  );
}

interface GridProps {
  dashboard: Dashboard;
  range: ResolvedRange;
  resolved: Resolved[] | undefined;
  turn: number;
  search: string;
}

function Grid({ dashboard, range, resolved, turn, search }: GridProps) {
  const scheme = useScheme();
  const [element, { width }] = useSize<HTMLDivElement>();
  const [folded, setFolded] = useState<ReadonlyMap<string, boolean>>(new Map());
  const values = useMemo(
    () => new Map<string, VariableValue>([
      ...(resolved ?? []).map((one): [string, VariableValue] => [one.variable.name, valueOf(one, range.toMs - range.fromMs)]),
      ['__dashboard', single(dashboard.title)],
    ]),
    [resolved, dashboard, range.toMs - range.fromMs],
  );
  const panels = useMemo(() => repeatAll(dashboard.panels, values), [dashboard, values]);
  const isFolded = (row: Panel) => folded.get(scopeKey(row)) ?? row.collapsed;
  const placed = useMemo(() => layout(panels, isFolded, width > 0 && width < kNarrowPx), [panels, folded, width > 0 && width < kNarrowPx]);
  const hasVariables = dashboard.variables.length > 0;

  return (
    <div ref={element} className={css.grid}>
      {dashboard.panels.length === 0 && <div className={css.wide}><Empty title="This dashboard has no panels" /></div>}
      {width > 0 && (!hasVariables || resolved !== undefined) && placed.map(({ panel, at }) => {
        const place = { gridColumn: `${at.x + 1} / span ${at.w}`, gridRow: `${at.y + 1} / span ${at.h}` };
        const key = scopeKey(panel);
        if (panel.type === 'row') {
          const open = !isFolded(panel);
          const known = new Map([...values, ...Object.entries(panel.scope).map(([name, value]): [string, VariableValue] => [name, single(value)])]);
          return (
            <div key={key} className={css.row} style={place}>
              <button type="button" aria-expanded={open} onClick={() => setFolded(new Map(folded).set(key, open))}>
                <Icon name="chevron" size={14} className={open ? undefined : css.folded} />
                <h2>{interpolate(panel.title, known, forReading)}</h2>
              </button>
            </div>
          );
        }
        return (
          <div key={key} style={place} className={css.place}>
            <PanelFrame
              panel={panel} values={values} range={range} turn={turn} utc={dashboard.utc} theme={grafanaTheme(scheme)} syncKey={dashboard.graphTooltip > 0 ? `dashboard ${dashboard.uid}` : undefined}
              onZoom={(fromMs, toMs) => setSearch(withRange(search, absoluteRange(fromMs, toMs)))}
            />
          </div>
        );
      })}
    </div>
  );
}
