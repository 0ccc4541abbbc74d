/** A panel's queries: what is asked for which step, and the answers as frames. */
import { askTogether } from '../api/batch';
import type { Question } from '../api/batch';
import { kOwnApi, queryInstant, queryRange } from '../api/prometheus';
import type { Answer } from '../api/client';
import type { QueryResult } from '../api/types';
import type { DataFrame } from '../grafana';
import { parseDuration } from '../time/duration';
import { alignToStep, intervalFor, rateInterval } from '../time/interval';
import type { ResolvedRange } from '../time/range';
import { holdsHistograms, toFrames } from './frames';
import { builtins, forPromql, interpolate } from './interpolate';
import type { Values } from './interpolate';
import type { Panel, Target } from './model';
import { apiOf } from './sources';
import type { DataSource } from './sources';

/** How often this server scrapes when nothing says otherwise: the floor of a step. */
export const kScrapeIntervalMs = 15_000;

/** Points that the server lets one series have. */
const kPointsMax = 11_000;

/** More series than a page can hold; the answer is refused whole, not cut. */
const kSeriesMax = 20_000;

export interface Asked {
  expr: string;
  stepMs: number;
}

/** The step and the final expression of one target. */
export function prepareTarget(target: Target, panel: Panel, range: ResolvedRange, points: number, values: Values): Asked {
  const rangeMs = range.toMs - range.fromMs;
  const minimum = (text: string) => parseDuration(interpolate(text, values, forPromql).replace(/^>/, ''));
  const minMs = minimum(target.interval) ?? minimum(panel.interval) ?? kScrapeIntervalMs;
  const floor = Math.ceil(rangeMs / kPointsMax / 1000) * 1000;
  const intervalMs = Math.max(intervalFor(rangeMs, points, minMs), floor);
  const scrapeMs = minimum(target.interval) === undefined ? kScrapeIntervalMs : Math.min(minMs, kScrapeIntervalMs);
  return { expr: interpolate(target.expr, withStep(values, range, { intervalMs, rateIntervalMs: rateInterval(intervalMs, scrapeMs) }), forPromql), stepMs: intervalMs * target.intervalFactor };
}

/** Panels of one width and one range share what they know. */
const knownWithStep = new WeakMap<Values, Map<string, Values>>();
const kStepsMax = 50;

function withStep(values: Values, { fromMs, toMs }: ResolvedRange, step: { intervalMs: number; rateIntervalMs: number }): Values {
  const made = knownWithStep.get(values) ?? new Map<string, Values>();
  const key = `${fromMs} ${toMs} ${step.intervalMs} ${step.rateIntervalMs}`;
  const known = made.get(key) ?? new Map([...values, ...builtins(fromMs, toMs, step)]);
  if (made.size >= kStepsMax) made.clear();
  knownWithStep.set(values, made.set(key, known));
  return known;
}

export interface PanelAnswer {
  frames: DataFrame[];
  queries: AskedQuery[];
  warnings: string[];
}

/** What one query of a panel was and came to. */
export interface AskedQuery {
  refId: string;
  expr: string;
  /** Undefined for a question about one moment. */
  stepMs: number | undefined;
  tookMs: number;
  series: number;
}

/** This server is asked everything together, another one through the proxy query by query. */
export function ask(question: Question, api: string, signal: AbortSignal): Promise<Answer<QueryResult>> {
  if (api === kOwnApi) return askTogether(question, signal);
  return 'timeMs' in question ? queryInstant(question.query, question.timeMs, signal, api) : queryRange(question, signal, api);
}

/** `sources` are those that the server has, for the references of the panel and its targets. */
export async function askPanel(panel: Panel, range: ResolvedRange, points: number, values: Values, sources: readonly DataSource[], signal: AbortSignal, takesHistograms = false): Promise<PanelAnswer> {
  const targets = panel.targets.filter((target) => !target.hide && target.expr.trim() !== '');
  const answers = await Promise.all(
    targets.map(async (target) => {
      const { expr, stepMs } = prepareTarget(target, panel, range, panel.maxDataPoints ?? points, values);
      const step = { ...alignToStep(range.fromMs, range.toMs, stepMs), stepMs };
      const several = targets.length > 1;
      // A target can ask for both; the table wants the present, everything else the range.
      const instant = target.instant && (!target.range || panel.type === 'table');
      const named = target.datasource?.uid ?? '';
      const api = apiOf(named === '' || named === '-- Mixed --' ? panel.datasource : target.datasource, sources, values);
      const started = performance.now();
      const { data, warnings } = await ask(instant ? { query: expr, timeMs: range.toMs } : { query: expr, ...step, asColumns: target.format === 'time_series' }, api, signal);
      const series = Array.isArray(data.result) ? data.result.length : 0;
      const query: AskedQuery = { refId: target.refId, expr, stepMs: instant ? undefined : stepMs, tookMs: performance.now() - started, series };
      if (series > kSeriesMax) throw new Error(`Query ${target.refId} answers with ${series} series; at most ${kSeriesMax} are read. Aggregate or select fewer.`);
      return { frames: toFrames(data, target, expr, step, several), warnings, query };
    }),
  );
  const frames = answers.flatMap((answer) => answer.frames);
  if (!takesHistograms && holdsHistograms(frames)) throw new Error('The answer holds native histograms, which only a heatmap draws; histogram_quantile() or histogram_count() make numbers of them.');
  return { frames, queries: answers.map((answer) => answer.query), warnings: [...new Set(answers.flatMap((answer) => answer.warnings))] };
}
