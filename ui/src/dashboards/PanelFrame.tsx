/** The box around a panel: its title, its data, and what it says when there is none. */
import { lazy, memo, Suspense, useEffect, useMemo, useRef, useState } from 'react';
import { useResource } from '../api/useResource';
import { ErrorBoundary } from '../components/ErrorBoundary';
import { Link, setSearch } from '../app/router';
import { Button } from '../components/Controls';
import { Icon } from '../components/icons';
import { Loading, Progress } from '../components/States';
import { prepareFrames, transformFrames } from '../grafana';
import type { DataFrame, GrafanaTheme2 } from '../grafana';
import { kQueriesMax, writeState } from '../explore/urlState';
import { safeUrl } from '../panels/options';
import { panelKinds } from '../panels/registry';
import type { PanelKind, Replace } from '../panels/panel';
import { absoluteRange } from '../time/range';
import type { ResolvedRange } from '../time/range';
import { noteDrawn, useIsQuiet } from './afterDrawing';
import { marksFor } from './annotations';
import type { Mark } from './annotations';
import { askPanel, prepareTarget, sourceReference } from './ask';
import type { AskedQuery } from './ask';
import { builtins, encodeUri, forAddress, forReading, interpolate } from './interpolate';
import type { Values, VariableValue } from './interpolate';
import type { Panel } from './model';
import { watch } from './inView';
import { PanelMenu } from './PanelMenu';
import { asText } from './read';
import { sourceOf } from './sources';
import type { DataSource } from './sources';
import { whyNotDrawn } from './support';
import { useLong } from './underWay';
import type { UnderWay } from './underWay';
import { readPanelState, withInspect } from './urlState';
import { panelRange } from './panelRange';
import { partOf } from './dataContext';
import css from './PanelFrame.module.css';

interface PanelFrameProps {
  panel: Panel;
  values: Values;
  range: ResolvedRange;
  /** Changes when the data is to be loaded again. */
  turn: number;
  utc: boolean;
  theme: GrafanaTheme2;
  syncKey: string | undefined;
  onZoom: (fromMs: number, toMs: number) => void;
  /** Names the panel in the address; copies of a repeated panel have their value in it. */
  panelKey: string;
  search: string;
  marks: Mark[];
  sources: readonly DataSource[];
  underWay: UnderWay;
  /** Of the panel's heading: what is in a row stands below the row's. */
  level: 2 | 3;
}

const Inspect = lazy(() => import('./Inspect'));

/** Whether the element is near the visible part of the page. */
function useInView(element: React.RefObject<HTMLElement | null>): boolean {
  const [inView, setInView] = useState(false);
  useEffect(() => (element.current === null ? undefined : watch(element.current, setInView)), [element]);
  return inView;
}

/** For the step that $__interval stands for there. */
const kPointsOfQueryPage = 400;

/** Drawn anew only when something of what it is given changes. */
export const PanelFrame = memo(function PanelFrame(props: PanelFrameProps) {
  const { panel, level } = props;
  const Heading = level === 2 ? 'h2' : 'h3';
  const element = useRef<HTMLElement>(null);
  const inView = useInView(element);
  const quiet = useIsQuiet();
  const { inspect, viewPanel } = readPanelState(props.search);
  // A panel out of sight stays as it was seen last and asks nothing; one that was never seen does not begin.
  const wanted = inView || inspect === props.panelKey;
  const shown = useRef<PanelFrameProps>(undefined);
  if (wanted) shown.current = props;
  const { values, range, search } = wanted ? props : (shown.current ?? props);
  const kind = panelKinds.get(panel.type);
  const known = useMemo(
    () => new Map<string, VariableValue>([...values, ...Object.entries(panel.scope), ...builtins(range.fromMs, range.toMs)]),
    [values, panel.scope, range.fromMs, range.toMs],
  );
  const title = interpolate(panel.title, known, forReading);
  const time = useMemo(() => panelRange(panel, range, known, props.utc).said, [panel, range, known, props.utc]);
  const refused = whyNotDrawn(panel);
  return (
    <section ref={element} role="group" className={panel.transparent ? css.bare : css.panel} data-level={title === '' ? level - 1 : level} aria-label={title === '' ? `Panel ${panel.id}` : title} data-panel-type={panel.type}>
      {title !== '' && (
        <header className={css.head}>
          <Heading title={title}>{title}</Heading>
          {panel.description !== '' && <span className={css.hint} role="note" tabIndex={0} aria-label={panel.description} title={interpolate(panel.description, known, forReading)}><Icon name="info" size={13} /></span>}
          {panel.links.map((link, index) => <PanelLink key={index} title={interpolate(link.title, known, forReading)} url={interpolate(link.url, known, forAddress)} targetBlank={link.targetBlank} />)}
          {quiet && kind?.asks === true && refused === undefined && <ToQuery panel={panel} title={title} range={range} values={known} sources={props.sources} />}
          {quiet && <span className={css.menu}><PanelMenu title={title} panelKey={props.panelKey} search={search} viewed={viewPanel === props.panelKey} inspectable={kind?.asks === true && refused === undefined} /></span>}
          {time !== '' && !panel.hideTimeOverride && <span className={css.time}>{time}</span>}
        </header>
      )}
      <div className={css.body}>
        {kind === undefined || refused !== undefined ? <Unsupported panel={panel} why={refused ?? ''} /> : shown.current !== undefined && <ErrorBoundary what={title === '' ? 'The panel' : `The panel ${title}`}><PanelContent {...shown.current} theme={props.theme} search={props.search} kind={kind} known={known} /></ErrorBoundary>}
      </div>
    </section>
  );
});

function PanelLink({ title, url, targetBlank }: { title: string; url: string; targetBlank: boolean }) {
  const href = safeUrl(url);
  if (href === undefined) return null;
  return <a className={css.link} href={href} target={targetBlank ? '_blank' : undefined} rel="noreferrer" title={title}>{title}</a>;
}

/** The panel's expressions as they are asked, on the query page. */
function ToQuery({ panel, title, range, values, sources }: { panel: Panel; title: string; range: ResolvedRange; values: Values; sources: readonly DataSource[] }) {
  const to = useMemo(() => {
    const targets = panel.targets.filter((target) => !target.hide && target.expr.trim() !== '').slice(0, kQueriesMax);
    if (targets.length === 0) return undefined;
    const queries = targets.map((target) => ({ expr: prepareTarget(target, panel, range, kPointsOfQueryPage, values, sourceOf(sourceReference(target, panel), sources, values)).expr, tab: target.instant ? ('table' as const) : ('graph' as const), stacked: false }));
    return `/query?${writeState({ queries, range: absoluteRange(range.fromMs, range.toMs), step: '' }).toString()}`;
  }, [panel, range, values, sources]);
  if (to === undefined) return null;
  return (
    <Link className={css.toQuery} to={to} title="Open in Query" aria-label={`Open ${title} in Query`}>
      <Icon name="query" size={14} />
    </Link>
  );
}

function Unsupported({ panel, why }: { panel: Panel; why: string }) {
  return (
    <div className={css.unsupported} data-refused={panel.type}>
      <Icon name="info" />
      <p>This panel (<b>{panel.type}</b>) is not drawn. {why}</p>
    </div>
  );
}

function PanelContent({ panel, range: pageRange, turn, utc, theme, syncKey, onZoom, kind, known, panelKey, search, marks, sources, underWay }: PanelFrameProps & { kind: PanelKind; known: Map<string, VariableValue> }) {
  const { range } = useMemo(() => panelRange(panel, pageRange, known, utc), [panel, pageRange, known, utc]);
  const points = Math.max(50, Math.round((panel.gridPos.w / 24) * 1200));
  // Everything but the range changes what is asked; the range only asks again.
  const question = useMemo(() => JSON.stringify([panel.targets, [...known].filter(([name]) => !name.startsWith('__'))]), [panel.targets, known]);
  const replace: Replace = (text, scope, format) => {
    const address = format === 'uriencode';
    return interpolate(text, known, address ? forAddress : forReading, (name, part) => {
      const found = partOf(scope, name, part);
      return found !== undefined && address ? encodeUri(found) : found;
    });
  };
  const { data, error, loading, reload, stop } = useResource(
    async (signal): Promise<{ frames: DataFrame[]; queries: AskedQuery[]; warnings: string[]; question: string; range: ResolvedRange }> => {
      if (!kind.asks) return { frames: [], queries: [], warnings: [], question, range };
      const { frames, queries, warnings } = await askPanel(panel, range, points, known, sources, signal, kind.takesHistograms);
      return { frames: await transformFrames(panel.transformations, frames, (text) => replace(text)), queries, warnings, question, range };
    },
    [question, range.fromMs, range.toMs, turn],
    { heedsRefresh: false },
  );
  const prepared = useMemo(
    () => (data === undefined ? [] : prepareFrames(data.frames, { ...panel.fieldConfig, colorMode: kind.colorMode }, theme, utc, replace as Parameters<typeof prepareFrames>[4])),
    [data, theme, panel.fieldConfig, utc],
  );
  useEffect(noteDrawn, [data, error]);
  useEffect(() => (loading && kind.asks ? underWay.begin(stop) : undefined), [loading, stop, underWay, kind]);
  const takesLong = useLong(loading);
  // The last good answer stays while its question is the same; a failed question shows why.
  if (error !== undefined && (data === undefined || data.question !== question)) return <PanelError error={error} />;
  if (data === undefined && !loading) return <div className={css.error}><p>Stopped before it was answered.</p><Button onClick={reload}>Ask again</Button></div>;
  if (data === undefined) return <Loading what="data" patient />;
  const { Component } = kind;
  const { inspect, tab } = readPanelState(search);
  const hasData = !kind.asks || prepared.some((frame) => frame.length > 0);
  return (
    <>
      <Progress shown={takesLong || (loading && data.question !== question)} />
      {error !== undefined && <span className={css.stale} role="img" aria-label={`Not refreshed: ${error.message}`} title={`Not refreshed: ${error.message}`}><Icon name="warning" size={13} /></span>}
      {hasData
        ? <Suspense fallback={<Loading what="the panel" patient />}><Component panel={panel} frames={prepared} theme={theme} range={data.range} utc={utc} syncKey={syncKey} onZoom={onZoom} replace={replace} marks={marksFor(panel, marks)} /></Suspense>
        : <p className={css.noData} data-empty>{asText(panel.fieldConfig.defaults['noValue'], 'No data')}</p>}
      {inspect === panelKey && (
        <Suspense fallback={null}>
          <Inspect
            panel={panel} title={interpolate(panel.title, known, forReading)} frames={prepared} queries={data.queries} warnings={data.warnings} tab={tab}
            onTab={(next) => setSearch(withInspect(search, panelKey, next), { replace: true })} close={() => setSearch(withInspect(window.location.search, undefined))}
          />
        </Suspense>
      )}
    </>
  );
}

function PanelError({ error }: { error: Error }) {
  return <div className={css.error} role="alert"><Icon name="warning" /><p>{error.message}</p></div>;
}
