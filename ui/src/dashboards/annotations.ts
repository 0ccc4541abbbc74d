/** Events along the time axis: asked for like any range query, and drawn on the panels that want them. */
import type { MatrixSeries } from '../api/types';
import { renderLegendFormat } from '../grafana';
import { parseDuration } from '../time/duration';
import { alignToStep, intervalFor } from '../time/interval';
import type { ResolvedRange } from '../time/range';
import { fetchJson } from '../api/client';
import { ask } from './ask';
import { builtins, forPromql, forReading, interpolate } from './interpolate';
import { asList, asNumber, asObjects, asText } from './read';
import type { Values } from './interpolate';
import type { Annotation, Panel } from './model';
import { rateInterval } from '../time/interval';
import { apiOf, kScrapeIntervalMs, sourceOf } from './sources';
import type { DataSource } from './sources';

export interface Mark {
  fromMs: number;
  /** The same as `fromMs` for a moment. */
  toMs: number;
  title: string;
  text: string;
  color: string;
  annotation: Annotation;
}

/** More marks than a chart can show apart. */
const kMarksMax = 1000;

/** Values other than zero are events; neighbours of one series become one event that lasts. */
export function marksOf(annotation: Annotation, series: MatrixSeries[], stepMs: number): Mark[] {
  const marks: Mark[] = [];
  for (const { metric, values = [] } of series) {
    const title = renderLegendFormat(annotation.titleFormat, metric);
    const text = renderLegendFormat(annotation.textFormat, metric);
    const tags = annotation.tagKeys.map((key) => metric[key] ?? '').filter((tag) => tag !== '').join(', ');
    let open: Mark | undefined;
    for (const [time, value] of values) {
      const number = Number(value);
      if (!Number.isFinite(number) || number === 0) {
        open = undefined;
        continue;
      }
      const ms = annotation.useValueForTime ? number : time * 1000;
      if (open !== undefined && !annotation.useValueForTime && ms - open.toMs <= stepMs * 1.01) {
        open.toMs = ms;
        continue;
      }
      open = { fromMs: ms, toMs: ms, title: title === '' ? annotation.name : title, text: [text, tags].filter((part) => part !== '').join(' · '), color: annotation.color, annotation };
      marks.push(open);
    }
  }
  return marks.slice(0, kMarksMax);
}

/** Those that people and scripts marked, of this dashboard or with these tags. */
async function askStored(annotation: Annotation, { tags, matchAny, ofDashboard, limit }: NonNullable<Annotation['stored']>, dashboardUid: string, range: ResolvedRange, values: Values, signal: AbortSignal): Promise<Mark[]> {
  if (ofDashboard && dashboardUid === '') return [];
  const found = asObjects(await fetchJson('/api/annotations', {
    from: Math.floor(range.fromMs), to: Math.ceil(range.toMs), limit: Math.min(kMarksMax, Math.max(1, limit)), ...(ofDashboard ? { dashboardUID: dashboardUid } : { tags: tags.map((tag) => interpolate(tag, values, forReading)), matchAny: String(matchAny) }),
  }, signal));
  return found.map((one): Mark => {
    const fromMs = asNumber(one['time'], 0);
    const panelId = asNumber(one['panelId'], 0);
    return {
      fromMs, toMs: Math.max(fromMs, asNumber(one['timeEnd'], fromMs)), title: asText(one['text']), text: asList(one['tags']).map((tag) => asText(tag)).join(', '), color: annotation.color,
      annotation: ofDashboard && panelId > 0 ? { ...annotation, panels: { exclude: false, ids: [panelId] } } : annotation,
    };
  });
}

export async function askAnnotation(annotation: Annotation, dashboardUid: string, range: ResolvedRange, values: Values, sources: readonly DataSource[], signal: AbortSignal): Promise<Mark[]> {
  if (annotation.stored !== undefined) return askStored(annotation, annotation.stored, dashboardUid, range, values, signal);
  const minMs = parseDuration(interpolate(annotation.step, values, forPromql)) ?? 60_000;
  const stepMs = intervalFor(range.toMs - range.fromMs, 1000, minMs);
  const known = new Map([...values, ...builtins(range.fromMs, range.toMs, { intervalMs: stepMs, rateIntervalMs: rateInterval(stepMs, sourceOf(annotation.datasource, sources, values)?.scrapeIntervalMs ?? kScrapeIntervalMs) })]);
  const { data } = await ask({ query: interpolate(annotation.expr, known, forPromql), ...alignToStep(range.fromMs, range.toMs, stepMs), stepMs }, apiOf(annotation.datasource, sources, values), signal);
  return data.resultType === 'matrix' ? marksOf(annotation, data.result, stepMs) : [];
}

/** An annotation may name the panels that show it. */
export function marksFor(panel: Panel, marks: Mark[]): Mark[] {
  return marks.filter(({ annotation: { panels } }) => panels === undefined || panels.ids.includes(panel.id) !== panels.exclude);
}
