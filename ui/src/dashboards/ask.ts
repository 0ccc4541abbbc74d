/** A panel's queries: what is asked for which step, and the answers as frames. */
import { askTogether } from '../api/batch';
import type { Question } from '../api/batch';
import { kOwnApi, queryInstant, queryRange, readExemplars } from '../api/prometheus';
import type { Answer } from '../api/client';
import type { QueryResult } from '../api/types';
import type { DataFrame } from '../grafana';
import { parseDuration } from '../time/duration';
import { alignToStep, intervalFor, rateInterval } from '../time/interval';
import type { ResolvedRange } from '../time/range';
import { filtersFor, withFilters } from './adhoc';
import { bySource, exemplarsBeside, shownExemplars } from './exemplars';
import type { PanelExemplar } from './exemplars';
import { holdsHistograms, toFrames } from './frames';
import { builtins, forPromql, interpolate } from './interpolate';
import type { Values } from './interpolate';
import type { DataSourceRef, Panel, Target } from './model';
import { apiOf, kScrapeIntervalMs, sourceOf } from './sources';
import type { DataSource } from './sources';

/** Points that the server lets one series have. */
const kPointsMax = 11_000;

/** More series than a page can hold; the answer is refused whole, not cut. */
const kSeriesMax = 20_000;

export interface Asked {
  expr: string;
  stepMs: number;
}

/**
 * The step and the final expression of one target. As in Grafana, $__rate_interval counts in scrapes of the length that the
 * target's smallest step says, else the source's settings; a target whose step is $__rate_interval itself is asked in such steps.
 */
export function prepareTarget(target: Target, panel: Panel, range: ResolvedRange, points: number, values: Values, source?: DataSource): Asked {
  const scrapeIntervalMs = source?.scrapeIntervalMs ?? kScrapeIntervalMs;
  const rangeMs = range.toMs - range.fromMs;
  const minimum = (text: string) => parseDuration(interpolate(text, values, forPromql).replace(/^>/, '')) || undefined;
  const ownMs = minimum(target.interval);
  const floor = Math.ceil(rangeMs / kPointsMax / 1000) * 1000;
  const roundedMs = Math.max(intervalFor(rangeMs, points, ownMs ?? minimum(panel.interval) ?? scrapeIntervalMs), floor);
  const inRates = /^\$(__rate_interval|\{__rate_interval\})$/.test(target.interval);
  const intervalMs = inRates ? rateInterval(roundedMs, scrapeIntervalMs) : roundedMs * target.intervalFactor;
  const rateIntervalMs = inRates ? intervalMs : rateInterval(intervalMs, ownMs ?? scrapeIntervalMs);
  return { expr: withFilters(interpolate(target.expr, withStep(values, range, { intervalMs, rateIntervalMs }), forPromql), filtersFor(values, source?.uid)), stepMs: intervalMs };
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

/** A target's own source, or the panel's. */
export function sourceReference(target: Target, panel: Panel): DataSourceRef | undefined {
  const named = target.datasource?.uid ?? '';
  return named === '' || named === '-- Mixed --' ? panel.datasource : target.datasource;
}

export interface PanelAnswer {
  frames: DataFrame[];
  exemplars: PanelExemplar[];
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

/** What a panel of its kind can do with answers. */
interface Takes {
  takesHistograms?: boolean;
  takesExemplars?: boolean;
}

/** `sources` are those that the server has, for the references of the panel and its targets. */
export async function askPanel(panel: Panel, range: ResolvedRange, points: number, values: Values, sources: readonly DataSource[], signal: AbortSignal, takes: Takes = {}): Promise<PanelAnswer> {
  const targets = panel.targets.filter((target) => !target.hide && target.expr.trim() !== '');
  const several = targets.filter((one) => one.format === 'table').length > 1;
  const all = targets.map((target) => {
    const reference = sourceReference(target, panel);
    const source = sourceOf(reference, sources, values);
    const { expr, stepMs } = prepareTarget(target, panel, range, panel.maxDataPoints ?? points, values, source);
    // A target can ask for both; the table wants the present, everything else the range.
    const instant = target.instant && (!target.range || panel.type === 'table');
    return { target, source, expr, instant, api: apiOf(reference, sources, values), step: { ...alignToStep(range.fromMs, range.toMs, stepMs), stepMs } };
  });
  const withExemplars = new Set(takes.takesExemplars === true ? all.filter(({ target, instant }) => target.exemplar && !instant) : []);
  const beside = exemplarsBeside([...withExemplars], values, signal);
  const answers = await Promise.all(
    all.map(async (one) => {
      const { target, expr, instant, api, step } = one;
      const started = performance.now();
      const { data, warnings, exemplars } = await ask(instant ? { query: expr, timeMs: range.toMs } : { query: expr, ...step, asColumns: target.format === 'time_series', exemplars: withExemplars.has(one) }, api, signal);
      const series = Array.isArray(data.result) ? data.result.length : 0;
      const query: AskedQuery = { refId: target.refId, expr, stepMs: instant ? undefined : step.stepMs, tookMs: performance.now() - started, series };
      if (series > kSeriesMax) throw new Error(`Query ${target.refId} answers with ${series} series; at most ${kSeriesMax} are read. Aggregate or select fewer.`);
      return { frames: toFrames(data, target, expr, step, several), warnings, query, came: exemplars === undefined ? undefined : { ...one, exemplars: readExemplars(exemplars) } };
    }),
  );
  const frames = answers.flatMap((answer) => answer.frames);
  if (takes.takesHistograms !== true && holdsHistograms(frames)) throw new Error('The answer holds native histograms, which only a heatmap draws; histogram_quantile() or histogram_count() make numbers of them.');
  const { exemplars, problems } = await beside;
  const came = bySource(answers.flatMap((answer) => answer.came ?? [])).flatMap((ofSource) => shownExemplars(ofSource.flatMap((one) => one.exemplars), ofSource[0].step.stepMs, ofSource[0].source, values));
  return { frames, exemplars: [...came, ...exemplars], queries: answers.map((answer) => answer.query), warnings: [...new Set([...answers.flatMap((answer) => answer.warnings), ...problems])] };
}
