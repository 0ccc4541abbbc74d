/** Why a query takes as long as it does: its plan as a tree, with what each node looked at, gave and took. */
import { lazy, Suspense, useEffect, useState } from 'react';
import { explainQuery } from '../api/prometheus';
import { useResource } from '../api/useResource';
import { setSearch, useAddress } from '../app/router';
import { Button, Choices, PageBar, Spacer } from '../components/Controls';
import { Empty, Loading, PageError, Progress } from '../components/States';
import { formatBytes, formatCount } from '../status/costs';
import { explainAddress, formatSeconds, nodeTitle, planRows, readExplainState } from './explain';
import type { Explanation, PlanRow } from './explain';
import css from './ExplainPage.module.css';

const Editor = lazy(() => import('./PromqlEditor').then(({ PromqlEditor }) => ({ default: PromqlEditor })));

const kRangeMs = 3_600_000;
const kStepMs = 15_000;

export default function ExplainPage() {
  const { search } = useAddress();
  const { expr, range } = readExplainState(search);
  const [draft, setDraft] = useState(expr);
  useEffect(() => setDraft(expr), [expr]);
  const { data, error, loading, reload } = useResource(
    (signal) => (expr.trim() === '' ? Promise.resolve(undefined) : ask(expr, range, signal)),
    [expr, range],
  );
  const show = (nextExpr: string, nextRange: boolean) => setSearch(new URLSearchParams(explainAddress(nextExpr, nextRange).split('?')[1]));
  const run = () => (draft === expr ? reload() : show(draft, range));
  const shown = error === undefined ? data : undefined;
  return (
    <div className={css.page}>
      <PageBar title="Explain">
        <Spacer />
        <Choices
          label="Over" value={range ? 'range' : 'instant'} onChange={(value) => show(draft, value === 'range')}
          choices={[{ value: 'instant', label: 'Now' }, { value: 'range', label: 'The last hour' }]}
        />
      </PageBar>
      <div className={css.content}>
        <section className={css.ask} aria-label="Query">
          <Progress shown={loading && expr !== ''} />
          <div className={css.editor}>
            <Suspense fallback={<div className={css.editorWait}>{draft}</div>}>
              <Editor value={draft} label="PromQL to explain" onChange={setDraft} onRun={run} autoFocus={expr === ''} />
            </Suspense>
          </div>
          <Button kind="primary" icon="play" onClick={run}>Explain</Button>
        </section>
        <PageError title="The query could not be explained" error={error} />
        {expr === '' && <Empty title="Nothing to explain yet">Type an expression; it runs, and its plan shows where the time goes.</Empty>}
        {expr !== '' && shown === undefined && error === undefined && <Loading what="the explanation" />}
        {shown !== undefined && <Answer data={shown} />}
      </div>
    </div>
  );
}

function ask(expr: string, range: boolean, signal: AbortSignal): Promise<Explanation> {
  const endMs = Math.floor(Date.now() / kStepMs) * kStepMs;
  return explainQuery(expr, range ? { startMs: endMs - kRangeMs, endMs, stepMs: kStepMs } : undefined, signal);
}

function Answer({ data }: { data: Explanation }) {
  const { stats, plan, selections } = data;
  return (
    <>
      <dl className={css.facts}>
        <Fact name="Time">{formatSeconds(stats.timings.execTotalTime)}</Fact>
        <Fact name="Of it waiting, preparing">{formatSeconds(stats.timings.execQueueTime)}, {formatSeconds(stats.timings.queryPreparationTime)}</Fact>
        <Fact name="Samples">{formatCount(stats.samples.totalQueryableSamples)}</Fact>
        <Fact name="Most memory">{formatBytes(data.peakBytes)}</Fact>
        <Fact name="Result">{formatCount(data.resultSeries)} × {formatCount(data.steps)}</Fact>
      </dl>
      <section className={css.section} aria-label="Plan">
        <h2>Plan</h2>
        <table className={css.table} aria-label="Plan">
          <thead>
            <tr><th scope="col">Part</th><th scope="col">Series</th><th scope="col">Samples</th><th scope="col">Memory</th><th scope="col">Time</th><th scope="col">Alone</th></tr>
          </thead>
          <tbody>{planRows(plan).map((row) => <PlanLine key={row.key} row={row} />)}</tbody>
        </table>
      </section>
      <section className={css.section} aria-label="Asked of the store">
        <h2>Asked of the store</h2>
        {selections.length === 0 && <p className={css.none}>Nothing.</p>}
        <ul className={css.selections}>
          {selections.map(({ selector, series, start, end }) => (
            <li key={`${selector} ${start} ${end}`}><code>{selector}</code> <span className={css.faint}>{formatCount(series)} series over {formatSeconds(end - start)}</span></li>
          ))}
        </ul>
      </section>
    </>
  );
}

function PlanLine({ row: { depth, node, share, slowest } }: { row: PlanRow }) {
  return (
    <tr className={slowest ? css.slowest : undefined}>
      <td className={css.part} style={{ paddingLeft: 12 + Math.min(depth, 12) * 18 }}>
        <span className={css.title}>{nodeTitle(node)}</span>
        {node.stepInvariant && <span className={css.mark} title="The same at every step: computed once">once</span>}
        {slowest && <span className={css.mark}>slowest</span>}
        <code className={css.text} title={node.text}>{node.text}</code>
      </td>
      <td>{formatCount(node.series)}</td>
      <td>{formatCount(node.samples)}</td>
      <td>{formatBytes(node.bytes)}</td>
      <td>{formatSeconds(node.seconds)}</td>
      <td className={css.alone}>
        {formatSeconds(node.selfSeconds)}
        <span className={css.meter} aria-hidden="true"><span style={{ width: `${share * 100}%` }} /></span>
      </td>
    </tr>
  );
}

function Fact({ name, children }: { name: string; children: React.ReactNode }) {
  return <div className={css.fact}><dt>{name}</dt><dd>{children}</dd></div>;
}
