/** One query: its editor, what it answered, and how long that took. */
import { lazy, Suspense, useEffect, useRef, useState } from 'react';
import { ApiError } from '../api/client';
import { getExemplars, queryInstant, queryRange } from '../api/prometheus';
import type { Exemplar } from '../api/prometheus';
import type { QueryResult } from '../api/types';
import { useResource } from '../api/useResource';
import { Link } from '../app/router';
import { Button, Choices, Spacer } from '../components/Controls';
import { Icon } from '../components/icons';
import { Popover } from '../components/Popover';
import { Empty, Loading, Notice, Progress } from '../components/States';
import { formatDuration, humanDuration, parseDuration } from '../time/duration';
import { formatDateTime } from '../time/format';
import { alignToStep, intervalFor } from '../time/interval';
import { resolveRange } from '../time/range';
import type { TimeRange } from '../time/range';
import { explainAddress } from './explain';
import { readHistory, remember } from './history';
import { ResultTable } from './ResultTable';
import type { RangeResult } from './ResultGraph';
import type { QueryState } from './urlState';
import css from './QueryPanel.module.css';

const Editor = lazy(() => import('./PromqlEditor').then(({ PromqlEditor }) => ({ default: PromqlEditor })));
const Heatmap = lazy(() => import('./ResultHeatmap'));
const Metrics = lazy(() => import('./Builder').then(({ Builder }) => ({ default: Builder })));
const Graph = lazy(() => import('./ResultGraph').then(({ ResultGraph }) => ({ default: ResultGraph })));

/** Points over the width of a graph. */
const kPoints = 400;
const kStepMinMs = 1000;

interface Outcome {
  table?: { result: QueryResult; timeMs: number };
  graph?: RangeResult;
  exemplars?: Exemplar[];
  count: number;
  samples: number;
  tookMs: number;
  warnings: string[];
  infos: string[];
}

async function ask({ expr, tab, exemplars }: QueryState, range: TimeRange, step: string, signal: AbortSignal): Promise<Outcome | undefined> {
  if (expr.trim() === '') return undefined;
  const resolved = resolveRange(range, Date.now());
  if (resolved === undefined) throw new ApiError('The time range cannot be read.', 'malformed');
  const started = performance.now();
  if (tab === 'table') {
    const { data, warnings, infos } = await queryInstant(expr, resolved.toMs, signal);
    const { result, resultType } = data;
    const samples = resultType === 'matrix' ? result.reduce((sum, one) => sum + (one.values?.length ?? 0), 0) : 0;
    const count = resultType === 'vector' || resultType === 'matrix' ? result.length : 1;
    return { table: { result: data, timeMs: resolved.toMs }, count, samples, tookMs: performance.now() - started, warnings, infos };
  }
  const stepMs = parseDuration(step) ?? intervalFor(resolved.toMs - resolved.fromMs, kPoints, kStepMinMs);
  const { startMs, endMs } = alignToStep(resolved.fromMs, resolved.toMs, stepMs);
  const beside = tab === 'graph' && exemplars === true ? getExemplars(expr, startMs, endMs, signal) : undefined;
  const { data, warnings, infos } = await queryRange({ query: expr, startMs, endMs, stepMs }, signal);
  const samples = data.result.reduce((sum, one) => sum + (one.values?.length ?? 0), 0);
  const found = await beside;
  return { graph: { series: data.result, startMs, endMs, stepMs }, ...(found === undefined ? {} : { exemplars: found }), count: data.result.length, samples, tookMs: performance.now() - started, warnings, infos };
}

function spanOf(range: TimeRange): { startMs: number; endMs: number } {
  const resolved = resolveRange(range, Date.now());
  return { startMs: resolved?.fromMs ?? Date.now() - 3_600_000, endMs: resolved?.toMs ?? Date.now() };
}

interface QueryPanelProps {
  position: number;
  query: QueryState;
  range: TimeRange;
  step: string;
  everyMs: number;
  alone: boolean;
  onChange: (query: QueryState) => void;
  onRemove: () => void;
  onZoom: (fromMs: number, toMs: number) => void;
}

export function QueryPanel({ position, query, range, step, everyMs, alone, onChange, onRemove, onZoom }: QueryPanelProps) {
  const [draft, setDraft] = useState(query.expr);
  const [building, setBuilding] = useState(false);
  const [stopped, setStopped] = useState(false);
  useEffect(() => {
    setDraft(query.expr);
    setStopped(false);
  }, [query.expr]);
  const { data, error, loading, reload, stop } = useResource(
    (signal) => ask(query, range, step, signal),
    [query.expr, query.tab, query.exemplars, range.from, range.to, step],
    { everyMs },
  );
  // A failed query must not leave the answer of another one standing under its text.
  const shown = error === undefined ? data : undefined;
  const outcome = shown !== undefined && (query.tab === 'table' ? shown.table : shown.graph) !== undefined ? shown : undefined;

  const run = (expr = draft) => {
    remember(expr);
    setStopped(false);
    if (expr === query.expr) reload();
    else onChange({ ...query, expr });
  };
  const editorRow = useRef<HTMLDivElement>(null);
  const name = `Query ${position + 1}`;

  return (
    <section className={css.panel} aria-label={name}>
      <Progress shown={loading && query.expr !== ''} />
      <div className={css.editorRow} ref={editorRow}>
        <div className={css.editor}>
          <Suspense fallback={<div className={css.editorWait}>{draft}</div>}>
            <Editor value={draft} label={`${name}, PromQL`} onChange={setDraft} onRun={run} autoFocus={position === 0 && query.expr === ''} />
          </Suspense>
        </div>
        <Popover label="Earlier queries" title="Earlier queries" align="right" buttonClass={css.historyButton} button={<Icon name="history" />}>
          {(close) => <History choose={(expr) => { setDraft(expr); run(expr); close(); }} />}
        </Popover>
        <Button kind="quiet" icon="list" aria-label="Metrics browser" title="Metrics browser and builder" onClick={() => setBuilding(true)} />
        {loading && query.expr !== '' ? <Button icon="close" onClick={() => { stop(); setStopped(true); }}>Stop</Button> : <Button kind="primary" icon="play" title="Run (Ctrl+Enter)" onClick={() => run()}>Run</Button>}
        {!alone && <Button kind="quiet" icon="close" aria-label={`Remove ${name}`} title="Remove this query" onClick={onRemove} />}
      </div>
      <div className={css.toolRow}>
        <Choices
          label="View" value={query.tab} onChange={(tab) => onChange({ ...query, expr: draft, tab })}
          choices={[{ value: 'table', label: 'Table' }, { value: 'graph', label: 'Graph' }, { value: 'heatmap', label: 'Heatmap' }]}
        />
        {query.tab === 'graph' && (
          <Choices
            label="Drawing" value={query.stacked ? 'stacked' : 'lines'} onChange={(drawing) => onChange({ ...query, stacked: drawing === 'stacked' })}
            choices={[{ value: 'lines', label: 'Lines' }, { value: 'stacked', label: 'Stacked' }]}
          />
        )}
        {query.tab === 'graph' && <label className={css.option}><input type="checkbox" checked={query.exemplars === true} onChange={(event) => { const { exemplars: _before, ...rest } = query; onChange(event.target.checked ? { ...rest, exemplars: true } : rest); }} /> Exemplars</label>}
        <Spacer />
        {query.expr !== '' && <Link to={explainAddress(query.expr, query.tab !== 'table')} title="What each part of this query takes">Explain</Link>}
        {outcome !== undefined && <Summary outcome={outcome} />}
      </div>
      {error !== undefined && !loading && <div className={css.messages}><QueryError error={error} /></div>}
      {outcome !== undefined && (outcome.warnings.length > 0 || outcome.infos.length > 0) && (
        <div className={css.messages}>
          {outcome.warnings.map((text) => <Notice key={text} tone="warn" title="Warning">{text}</Notice>)}
          {outcome.infos.map((text) => <Notice key={text} tone="info" title="Note">{text}</Notice>)}
        </div>
      )}
      {query.expr === '' && <Empty title="Nothing asked yet">Type an expression and press Enter. Completion opens by itself; Ctrl+Space asks for it.</Empty>}
      {query.expr !== '' && error === undefined && outcome === undefined && (stopped && !loading ? <Empty title="Stopped">Run it again, or ask for less.</Empty> : <Loading what="the answer" />)}
      {outcome?.table !== undefined && <ResultTable result={outcome.table.result} />}
      {outcome?.graph !== undefined && (
        <Suspense fallback={<Loading what="the graph" />}>
          {query.tab === 'heatmap' ? <Heatmap label={query.expr} result={outcome.graph} onZoom={onZoom} /> : <Graph label={query.expr} result={outcome.graph} stacked={query.stacked} exemplars={outcome.exemplars} onZoom={onZoom} />}
        </Suspense>
      )}
      {building && <Suspense fallback={null}><Metrics span={spanOf(range)} close={() => setBuilding(false)} use={(expr) => { setDraft(expr); run(expr); setBuilding(false); }} /></Suspense>}
    </section>
  );
}

function Summary({ outcome }: { outcome: Outcome }) {
  const { count, samples, tookMs, graph, table } = outcome;
  return (
    <p className={css.summary} role="status">
      <span>{count} series</span>
      {samples > 0 && <span>{samples.toLocaleString('en-US')} samples</span>}
      {graph !== undefined && <span>step {formatDuration(graph.stepMs)}</span>}
      {table !== undefined && <span>at {formatDateTime(table.timeMs)}</span>}
      <span>{humanDuration(Math.max(1, Math.round(tookMs)))}</span>
    </p>
  );
}

const errorTitles: Record<string, string> = {
  bad_data: 'The query is not valid', execution: 'The query failed', timeout: 'The query took too long', canceled: 'The query was cancelled',
};

function QueryError({ error }: { error: Error }) {
  const type = error instanceof ApiError ? error.type : undefined;
  return <Notice tone="bad" title={errorTitles[type ?? ''] ?? 'No answer'}>{error.message}</Notice>;
}

function History({ choose }: { choose: (expr: string) => void }) {
  const kept = readHistory();
  if (kept.length === 0) return <p className={css.noHistory}>Queries you run are listed here.</p>;
  return (
    <ul className={css.history}>
      {kept.map((expr) => (
        <li key={expr}><button type="button" onClick={() => choose(expr)}>{expr}</button></li>
      ))}
    </ul>
  );
}
