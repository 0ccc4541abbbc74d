/** A dashboard on the page: its tools, its variables, its grid of panels. */
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from 'react';
import type { ReactNode } from 'react';
import { readKiosk } from '../app/kiosk';
import { setSearch, useAddress } from '../app/router';
import { useScheme } from '../app/theme';
import { useRefreshAll, useResource } from '../api/useResource';
import { Button, PageBar, Spacer } from '../components/Controls';
import { Icon } from '../components/icons';
import { Empty, Notice } from '../components/States';
import { RefreshPicker, TimePicker } from '../components/TimePicker';
import { observeSize } from '../components/observeSize';
import { grafanaTheme } from '../grafana';
import { parseDuration } from '../time/duration';
import { absoluteRange, resolveRange } from '../time/range';
import type { ResolvedRange, TimeRange } from '../time/range';
import { beginDrawing } from './afterDrawing';
import { askAnnotation } from './annotations';
import type { Mark } from './annotations';
import { DashboardMenu } from './DashboardMenu';
import { AnnotationSwitches, DashboardLinks } from './DashboardTools';
import { builtins, forReading, interpolate, single } from './interpolate';
import type { Values, VariableValue } from './interpolate';
import { kMarginPx } from './inView';
import { flattenRows, layout } from './layout';
import { linkValues } from './links';
import { kColumns } from './model';
import type { Dashboard, GridPos, Panel } from './model';
import { PanelFrame } from './PanelFrame';
import { cutRepeats, repeatAll } from './repeat';
import type { InspectTab } from './urlState';
import { readPanelState, readView, switchedAnnotations, withAnnotationSwitched, withPanelView, withRange, withRefresh, withVariable } from './urlState';
import type { DataSource } from './sources';
import { UnderWay, useIsBusy } from './underWay';
import { VariableBar } from './VariableBar';
import { dependents, resolveVariables, unresolved, valuesOf } from './variables';
import type { Resolved } from './variables';
import css from './DashboardView.module.css';

/** Below this width of the grid, panels stand in one column. */
const kNarrowPx = 640;

/** Of the grid's rows and the gaps between them. */
const kRowPx = 30;
const kGapPx = 8;

/** Rows of the grid that a panel takes when it stands alone. */
const kAloneHeight = 18;

/** The moment that relative ranges end at: taken anew on a timer and when the page is refreshed. */
function useNow(everyMs: number, underWay: UnderWay): { nowMs: number; refresh: () => void } {
  const [nowMs, setNowMs] = useState(() => Date.now());
  const refresh = useCallback(() => setNowMs(Date.now()), []);
  useRefreshAll(refresh);
  useEffect(() => {
    if (everyMs <= 0) return;
    // Questions that take longer than the pause are waited for: asked anew each time, they would never be answered.
    const whenShown = () => { if (!document.hidden && underWay.count === 0) refresh(); };
    const timer = window.setInterval(whenShown, everyMs);
    document.addEventListener('visibilitychange', whenShown);
    return () => {
      window.clearInterval(timer);
      document.removeEventListener('visibilitychange', whenShown);
    };
  }, [everyMs, refresh, underWay]);
  return { nowMs, refresh };
}

/** Names a panel in the address: its id, and for copies the values that they stand for. */
const panelKeyOf = (panel: Panel) => [String(panel.id), ...Object.entries(panel.scope).map(([name, { values }]) => `${name}=${values[0] ?? ''}`)].join('~');

const kFallbackRange: TimeRange = { from: 'now-1h', to: 'now' };

/** `children` stand between the tools and the panels; `changed` has the document read again. */
export function DashboardView({ dashboard, sources, changed, children }: { dashboard: Dashboard; sources: readonly DataSource[]; changed: () => void; children?: ReactNode }) {
  useState(beginDrawing); // before the first panel is
  const [underWay] = useState(() => new UnderWay());
  const { search } = useAddress();
  const view = useMemo(() => readView(search, dashboard), [search, dashboard]);
  const { nowMs: turn, refresh } = useNow(parseDuration(view.refresh) ?? 0, underWay);
  const nowMs = turn - dashboard.nowDelayMs;
  const wanted = useMemo(() => resolveRange(view.range, nowMs, dashboard.utc), [view.range.from, view.range.to, nowMs, dashboard.utc]);
  const range = useMemo(() => wanted ?? resolveRange(kFallbackRange, nowMs) ?? { fromMs: nowMs - 3_600_000, toMs: nowMs }, [wanted, nowMs]);
  // A selection has to be among its options once the reader changed what these depend on.
  const [mustFit, setMustFit] = useState<ReadonlySet<string>>(new Set());
  const resolved = useVariables(dashboard, range, view.wishes, sources, nowMs, mustFit);
  const change = (name: string, chosen: string[]) => {
    setMustFit((before) => new Set([...before, ...dependents(dashboard.variables, name)].filter((one) => one !== name)));
    setSearch(withVariable(search, name, chosen));
  };
  const values = useMemo(
    () => new Map<string, VariableValue>([
      ...valuesOf(resolved ?? [], range.toMs - range.fromMs),
      ['__dashboard', single(dashboard.title)], ['__dashboard.uid', single(dashboard.uid)], ['__org', single('1')], ['__org.name', single('Main Org.')], ['__timezone', single(dashboard.utc ? 'utc' : 'browser')],
      ...linkValues(view.range, resolved ?? []),
    ]),
    [resolved, dashboard, range.toMs - range.fromMs, view.range.from, view.range.to],
  );
  const { viewPanel, inspect, tab } = readPanelState(search);
  const switched = switchedAnnotations(search);
  const marks = useMarks(dashboard, range, resolved === undefined && dashboard.variables.length > 0 ? undefined : values, sources, switched, nowMs);
  return (
    <div className={css.page}>
      {readKiosk(search) !== 'full' && (
        <PageBar title={dashboard.title}>
          <VariableBar variables={resolved ?? unresolved(dashboard.variables)} pending={resolved === undefined} onChange={change} />
          <AnnotationSwitches annotations={dashboard.annotations} switched={switched} failures={marks.failures} onSwitch={(name) => setSearch(withAnnotationSwitched(search, name))} />
          <Spacer />
          <DashboardLinks links={dashboard.links} values={values} range={view.range} variables={resolved ?? []} />
          {viewPanel !== undefined && <Button onClick={() => setSearch(withPanelView(search, undefined))}>Back to the dashboard</Button>}
          {!dashboard.hideTimePicker && <TimePicker range={view.range} utc={dashboard.utc} onChange={(next) => setSearch(withRange(search, next))} />}
          <BusyRefreshPicker every={view.refresh} onChange={(every) => setSearch(withRefresh(search, every))} onRefresh={refresh} underWay={underWay} />
          <DashboardMenu dashboard={dashboard} changed={changed} />
        </PageBar>
      )}
      {children}
      {dashboard.otherZone !== undefined && (
        <div className={css.notice}><Notice tone="info" title={`Times are those of ${dashboard.utc ? 'UTC' : 'this browser'}`}>The dashboard asks for the time zone {dashboard.otherZone}; UTC and the browser's are shown.</Notice></div>
      )}
      {wanted === undefined && (
        <div className={css.notice}><Notice tone="warn" title="The time range cannot be read">{view.range.from} to {view.range.to}; the last hour is shown.</Notice></div>
      )}
      {resolved !== undefined && <Unanswered variables={resolved} />}
      {resolved !== undefined && cutRepeats(dashboard.panels, values).map((cut) => (
        <div key={cut.name} className={css.notice}><Notice tone="warn" title={`${cut.copies} of ${cut.values} values of ${cut.name} are shown`}>Panels are repeated for the first ones only; choose fewer values to see others.</Notice></div>
      ))}
      <Grid dashboard={dashboard} range={range} resolved={resolved} values={values} turn={nowMs} marks={marks.marks} sources={sources} viewPanel={viewPanel} inspect={inspect} tab={tab} underWay={underWay} />
    </div>
  );
}

/** Alone in knowing what is under way, so that the page is not made anew with each answer. */
function BusyRefreshPicker({ underWay, ...rest }: { every: string; onChange: (every: string) => void; onRefresh: () => void; underWay: UnderWay }) {
  return <RefreshPicker {...rest} busy={useIsBusy(underWay)} onStop={() => underWay.stopAll()} />;
}

/**
 * Options change slowly: they are asked for when the range or a selection changes by more than a minute. Only while a
 * variable has none, as just after the server's first start, does every refresh (`turn`) ask again.
 */
function useVariables(dashboard: Dashboard, range: ResolvedRange, wishes: ReadonlyMap<string, string[]>, sources: readonly DataSource[], turn: number, mustFit: ReadonlySet<string>): Resolved[] | undefined {
  const [incomplete, setIncomplete] = useState(false);
  const before = useRef<Resolved[]>([]);
  const spanKey = `${Math.round(range.fromMs / 60_000)} ${Math.round((range.toMs - range.fromMs) / 60_000)}`;
  const { data } = useResource(
    (signal) => resolveVariables(dashboard.variables, wishes, { startMs: range.fromMs, endMs: range.toMs }, sources, signal, mustFit, before.current),
    [dashboard, sources, spanKey, JSON.stringify([...wishes]), mustFit, incomplete ? turn : 0],
  );
  if (data !== undefined) before.current = data;
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

/** The events of all annotations that are on; one that fails keeps those it had, and leaves the others. */
function useMarks(dashboard: Dashboard, range: ResolvedRange, values: Values | undefined, sources: readonly DataSource[], switched: ReadonlySet<string>, turn: number): { marks: Mark[]; failures: ReadonlyMap<string, string> } {
  const active = dashboard.annotations.filter((one) => one.problem === undefined && one.enabled !== switched.has(one.name));
  const before = useRef<Mark[]>([]);
  const { data } = useResource(
    async (signal) => {
      if (active.length === 0) return kNoMarks;
      const failures = new Map<string, string>();
      const found = await Promise.all(active.map((one) => (values === undefined ? [] : askAnnotation(one, dashboard.uid, range, values, sources, signal).catch((error: unknown) => {
        if (!signal.aborted) failures.set(one.name, error instanceof Error ? error.message : String(error));
        return before.current.filter((mark) => mark.annotation.name === one.name);
      }))));
      return { marks: found.flat(), failures };
    },
    [dashboard, values, sources, active.map((one) => one.name).join('\n'), turn, range.fromMs, range.toMs],
    { heedsRefresh: false },
  );
  if (data !== undefined) before.current = data.marks;
  return data ?? kNoMarks;
}

const kNoMarks = { marks: [], failures: new Map<string, string>() };

interface GridProps {
  dashboard: Dashboard;
  range: ResolvedRange;
  resolved: Resolved[] | undefined;
  values: Values;
  turn: number;
  marks: Mark[];
  sources: readonly DataSource[];
  viewPanel: string | undefined;
  inspect: string | undefined;
  tab: InspectTab;
  underWay: UnderWay;
}

const kRows = { gridAutoRows: kRowPx, gap: kGapPx };

const zoom = (fromMs: number, toMs: number) => setSearch(withRange(window.location.search, absoluteRange(fromMs, toMs)));

interface Box {
  isNarrow: boolean;
  /** Below the upper edge of the window when the grid was first laid out. */
  topPx: number;
}

/** Measured before the first paint, so that no frame passes until the panels are there. */
function useBox(): [React.RefObject<HTMLDivElement | null>, Box | undefined] {
  const element = useRef<HTMLDivElement>(null);
  const [box, setBox] = useState<Box>();
  useLayoutEffect(() => {
    const grid = element.current;
    if (grid === null) return;
    const topPx = grid.getBoundingClientRect().top;
    const fit = ({ width }: { width: number }) => {
      if (width <= 0) return;
      const isNarrow = width < kNarrowPx;
      setBox((before) => (before?.isNarrow === isNarrow ? before : { isNarrow, topPx }));
    };
    fit({ width: grid.clientWidth });
    return observeSize(grid, fit);
  }, []);
  return [element, box];
}

/** Whether a panel at this place is in view as soon as it is there, as inView.ts means it, which tells of changes. */
const beginsInView = ({ topPx }: Box, at: GridPos) => topPx + at.y * (kRowPx + kGapPx) < window.innerHeight + kMarginPx && topPx + (at.y + at.h) * (kRowPx + kGapPx) > -kMarginPx;

function Grid({ dashboard, range, resolved, values, turn, marks, sources, viewPanel, inspect, tab, underWay }: GridProps) {
  const scheme = useScheme();
  const [element, box] = useBox();
  const isNarrow = box?.isNarrow === true;
  const [folded, setFolded] = useState<ReadonlyMap<string, boolean>>(new Map());
  const panels = useMemo(() => repeatAll(dashboard.panels, values), [dashboard, values]);
  const known = useMemo(() => new Map([...values, ...builtins(range.fromMs, range.toMs)]), [values, range.fromMs, range.toMs]);
  const isFolded = (row: Panel) => folded.get(panelKeyOf(row)) ?? row.collapsed;
  const placed = useMemo(() => {
    if (viewPanel === undefined) return layout(panels, isFolded, isNarrow);
    const alone = flattenRows(panels, () => false).find((panel) => panel.type !== 'row' && panelKeyOf(panel) === viewPanel);
    return alone === undefined ? [] : [{ panel: { ...alone, gridPos: { ...alone.gridPos, w: kColumns } }, at: { x: 0, y: 0, w: kColumns, h: kAloneHeight } }];
  }, [panels, folded, isNarrow, viewPanel]);
  const hasVariables = dashboard.variables.length > 0;
  const firstRow = placed.findIndex(({ panel }) => panel.type === 'row');

  return (
    <div ref={element} className={css.grid} style={kRows}>
      {dashboard.panels.length === 0 && <div className={css.wide}><Empty title="This dashboard has no panels" /></div>}
      {viewPanel !== undefined && placed.length === 0 && (!hasVariables || resolved !== undefined) && <div className={css.wide}><Empty title="No such panel">The address names panel {viewPanel}, which this dashboard does not have.</Empty></div>}
      {box !== undefined && (!hasVariables || resolved !== undefined) && placed.map(({ panel, at }, index) => {
        const place = { gridColumn: `${at.x + 1} / span ${at.w}`, gridRow: `${at.y + 1} / span ${at.h}` };
        const key = panelKeyOf(panel);
        if (panel.type === 'row') {
          const open = !isFolded(panel);
          const ofRow = new Map([...known, ...Object.entries(panel.scope)]);
          return (
            <div key={key} className={css.row} style={place}>
              <button type="button" aria-expanded={open} onClick={() => setFolded(new Map(folded).set(key, open))}>
                <Icon name="chevron" size={14} className={open ? undefined : css.folded} />
                <h2>{interpolate(panel.title, ofRow, forReading)}</h2>
              </button>
            </div>
          );
        }
        return (
          <div key={key} style={place} className={css.place}>
            <PanelFrame
              panel={panel} panelKey={key} level={firstRow >= 0 && index > firstRow ? 3 : 2} beginsInView={beginsInView(box, at)} isViewed={viewPanel === key} inspect={inspect === key ? tab : undefined} marks={marks} sources={sources} values={known} range={range} turn={turn} utc={dashboard.utc} theme={grafanaTheme(scheme)} syncKey={dashboard.graphTooltip > 0 ? `dashboard ${dashboard.uid}` : undefined}
              onZoom={zoom} underWay={underWay}
            />
          </div>
        );
      })}
    </div>
  );
}
