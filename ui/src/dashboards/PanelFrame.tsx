/** The box around a panel: its title, its data, and what it says when there is none. */
import { lazy, memo, Suspense, useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { useResource } from '../api/useResource';
import { ErrorBoundary } from '../components/ErrorBoundary';
import { Link, setSearch } from '../app/router';
import { Button } from '../components/Controls';
import { Icon } from '../components/icons';
import { Loading, Progress } from '../components/States';
import { Room, useRoom } from '../components/useSize';
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
import { encodeUri, forAddress, forReading, interpolate } from './interpolate';
import type { Values, VariableValue } from './interpolate';
import type { PanelExemplar } from './exemplars';
import { pointsOf } from './layout';
import type { Panel } from './model';
import { watch } from './inView';
import { PanelMenu } from './PanelMenu';
import { asText } from './read';
import { sourceOf } from './sources';
import type { DataSource } from './sources';
import { whatIsLeftOut, whyNotDrawn } from './support';
import { useLong } from './underWay';
import type { UnderWay } from './underWay';
import { withInspect } from './urlState';
import type { InspectTab } from './urlState';
import { panelRange } from './panelRange';
import { partOf } from './dataContext';
import css from './PanelFrame.module.css';

interface PanelFrameProps {
  panel: Panel;
  /** With the range's own. */
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
  /** Where it stands is within the window when the page is opened. */
  beginsInView: boolean;
  /** It stands alone on the page. */
  isViewed: boolean;
  /** What of it is looked into. */
  inspect: InspectTab | undefined;
  marks: Mark[];
  sources: readonly DataSource[];
  underWay: UnderWay;
  /** Of the panel's heading: what is in a row stands below the row's. */
  level: 2 | 3;
}

const Inspect = lazy(() => import('./Inspect'));

/** Whether the element is near the visible part of the page. */
function useInView(element: React.RefObject<HTMLElement | null>, begins: boolean): boolean {
  const [inView, setInView] = useState(begins);
  useEffect(() => (element.current === null ? undefined : watch(element.current, setInView)), [element]);
  return inView;
}

const kNoExemplars: PanelExemplar[] = [];

/** For the step that $__interval stands for there. */
const kPointsOfQueryPage = 400;

/** Drawn anew only when something of what it is given changes. */
export const PanelFrame = memo(function PanelFrame(props: PanelFrameProps) {
  const { panel, level } = props;
  const Heading = level === 2 ? 'h2' : 'h3';
  const element = useRef<HTMLElement>(null);
  const inView = useInView(element, props.beginsInView);
  const quiet = useIsQuiet();
  const [body, room] = useRoom<HTMLDivElement>();
  // A panel out of sight stays as it was seen last and asks nothing; one that was never seen does not begin.
  const wanted = inView || props.inspect !== undefined;
  const shown = useRef<PanelFrameProps>(undefined);
  if (wanted) shown.current = props;
  const { values, range } = wanted ? props : (shown.current ?? props);
  const kind = panelKinds.get(panel.type);
  const known = useMemo(() => {
    const scope = Object.entries(panel.scope);
    return scope.length === 0 ? values : new Map<string, VariableValue>([...values, ...scope]);
  }, [values, panel.scope]);
  const title = interpolate(panel.title, known, forReading);
  const time = useMemo(() => panelRange(panel, range, known, props.utc).said, [panel, range, known, props.utc]);
  const refused = whyNotDrawn(panel);
  const leftOut = useMemo(() => (refused === undefined ? whatIsLeftOut(panel, known, props.sources).join(' ') : ''), [refused, panel, known, props.sources]);
  return (
    <section ref={element} role="group" className={panel.transparent ? css.bare : css.panel} data-level={title === '' ? level - 1 : level} aria-label={title === '' ? `Panel ${panel.id}` : title} data-panel-type={panel.type}>
      {title !== '' && (
        <header className={css.head}>
          <Heading title={title}>{title}</Heading>
          <LeftOut what={leftOut} />
          {panel.description !== '' && <span className={css.hint} role="note" tabIndex={0} aria-label={panel.description} title={interpolate(panel.description, known, forReading)}><Icon name="info" size={13} /></span>}
          {panel.links.map((link, index) => <PanelLink key={index} title={interpolate(link.title, known, forReading)} url={interpolate(link.url, known, forAddress)} targetBlank={link.targetBlank} />)}
          {quiet && kind?.asks === true && refused === undefined && <ToQuery panel={panel} title={title} range={range} values={known} sources={props.sources} />}
          {quiet && <span className={css.menu}><PanelMenu title={title} panelKey={props.panelKey} viewed={props.isViewed} inspectable={kind?.asks === true && refused === undefined} /></span>}
          {time !== '' && !panel.hideTimeOverride && <span className={css.time}>{time}</span>}
        </header>
      )}
      <div ref={body} className={css.body}>
        {title === '' && <LeftOut what={leftOut} />}
        {kind === undefined || refused !== undefined ? <Unsupported panel={panel} why={refused ?? ''} /> : shown.current !== undefined && <ErrorBoundary what={title === '' ? 'The panel' : `The panel ${title}`}><Room value={room}><PanelContent {...shown.current} theme={props.theme} inspect={props.inspect} kind={kind} known={known} /></Room></ErrorBoundary>}
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

function LeftOut({ what }: { what: string }) {
  if (what === '') return null;
  return <span className={css.leftOut} role="note" tabIndex={0} aria-label={what} title={what} data-left-out><Icon name="info" size={13} /></span>;
}

function PanelContent({ panel, range: pageRange, turn, utc, theme, syncKey, onZoom, kind, known, panelKey, inspect, marks, sources, underWay }: PanelFrameProps & { kind: PanelKind; known: Values }) {
  const { range } = useMemo(() => panelRange(panel, pageRange, known, utc), [panel, pageRange, known, utc]);
  const points = pointsOf(panel);
  // Everything but the range changes what is asked; the range only asks again.
  const question = useMemo(() => JSON.stringify([panel.targets, [...known].filter(([name]) => !name.startsWith('__'))]), [panel.targets, known]);
  const latestKnown = useRef(known);
  latestKnown.current = known;
  const replaceNow: Replace = (text, scope, format) => {
    const address = format === 'uriencode';
    return interpolate(text, latestKnown.current, address ? forAddress : forReading, (name, part) => {
      const found = partOf(scope, name, part);
      return found !== undefined && address ? encodeUri(found) : found;
    });
  };
  const { data, error, loading, reload, stop } = useResource(
    async (signal): Promise<{ frames: DataFrame[]; exemplars: PanelExemplar[]; queries: AskedQuery[]; warnings: string[]; question: string; range: ResolvedRange }> => {
      if (!kind.asks) return { frames: [], exemplars: kNoExemplars, queries: [], warnings: [], question, range };
      const { frames, exemplars, queries, warnings } = await askPanel(panel, range, points, known, sources, signal, kind);
      return { frames: await transformFrames(panel.transformations, frames, (text) => replaceNow(text)), exemplars, queries, warnings, question, range };
    },
    [question, range.fromMs, range.toMs, turn],
    { heedsRefresh: false },
  );
  // The same until there is something else to draw: other data, or for what asks nothing other values.
  const replace = useCallback(replaceNow, [kind.asks ? data : known]);
  const prepared = useMemo(
    () => (data === undefined ? [] : prepareFrames(data.frames, { ...panel.fieldConfig, colorMode: kind.colorMode }, theme, utc, replace as Parameters<typeof prepareFrames>[4])),
    [data, theme, panel.fieldConfig, utc],
  );
  const ownMarks = useMemo(() => marksFor(panel, marks), [panel, marks]);
  useEffect(noteDrawn, [data, error]);
  useEffect(() => (loading && kind.asks ? underWay.begin(stop) : undefined), [loading, stop, underWay, kind]);
  const takesLong = useLong(loading);
  // The last good answer stays while its question is the same; a failed question shows why.
  if (error !== undefined && (data === undefined || data.question !== question)) return <PanelError error={error} />;
  if (data === undefined && !loading) return <div className={css.error}><p>Stopped before it was answered.</p><Button onClick={reload}>Ask again</Button></div>;
  if (data === undefined) return <Loading what="data" patient />;
  const { Component } = kind;
  const hasData = !kind.asks || prepared.some((frame) => frame.length > 0);
  return (
    <>
      <Progress shown={takesLong || (loading && data.question !== question)} />
      {error !== undefined && <span className={css.stale} role="img" aria-label={`Not refreshed: ${error.message}`} title={`Not refreshed: ${error.message}`}><Icon name="warning" size={13} /></span>}
      {hasData
        ? <Component panel={panel} frames={prepared} theme={theme} range={data.range} utc={utc} syncKey={syncKey} onZoom={onZoom} replace={replace} marks={ownMarks} exemplars={data.exemplars} />
        : <p className={css.noData} data-empty>{asText(panel.fieldConfig.defaults['noValue'], 'No data')}</p>}
      {inspect !== undefined && (
        <Suspense fallback={null}>
          <Inspect
            panel={panel} title={interpolate(panel.title, known, forReading)} frames={prepared} queries={data.queries} warnings={data.warnings} tab={inspect}
            onTab={(next) => setSearch(withInspect(window.location.search, panelKey, next), { replace: true })} close={() => setSearch(withInspect(window.location.search, undefined))}
          />
        </Suspense>
      )}
    </>
  );
}

function PanelError({ error }: { error: Error }) {
  return <div className={css.error} role="alert"><Icon name="warning" /><p>{error.message}</p></div>;
}
