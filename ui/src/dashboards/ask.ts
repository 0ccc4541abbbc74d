/** A panel's queries: what is asked for which step, and the answers as frames. */
import { queryInstant, queryRange } from '../api/prometheus';
import type { DataFrame } from '../grafana';
import { parseDuration } from '../time/duration';
import { alignToStep, intervalFor, rateInterval } from '../time/interval';
import type { ResolvedRange } from '../time/range';
import { toFrames } from './frames';
import { builtins, forPromql, interpolate } from './interpolate';
import type { Values } from './interpolate';
import type { DataSourceRef, Panel, Target } from './model';

/** How often this server scrapes when nothing says otherwise: the floor of a step. */
export const kScrapeIntervalMs = 15_000;

/** Points that the server lets one series have. */
const kPointsMax = 11_000;

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
  const known = new Map([...values, ...builtins(range.fromMs, range.toMs, { intervalMs, rateIntervalMs: rateInterval(intervalMs, scrapeMs) })]);
  return { expr: interpolate(target.expr, known, forPromql), stepMs: intervalMs * target.intervalFactor };
}

export interface PanelAnswer {
  frames: DataFrame[];
  warnings: string[];
}

const foreignTypes = /^(loki|tempo|jaeger|zipkin|elasticsearch|mysql|postgres|influxdb|graphite|cloudwatch|mssql|opensearch|-- .* --)/;

/** The type of a data source that this server cannot stand in for, if the reference names one. */
export function foreignDataSource(reference: DataSourceRef | undefined): string | undefined {
  const type = reference?.type ?? '';
  return foreignTypes.test(type) ? type : undefined;
}

export async function askPanel(panel: Panel, range: ResolvedRange, points: number, values: Values, signal: AbortSignal): Promise<PanelAnswer> {
  const targets = panel.targets.filter((target) => !target.hide && target.expr.trim() !== '');
  const foreign = foreignDataSource(targets[0]?.datasource ?? panel.datasource);
  if (foreign !== undefined) throw new Error(`The data source type ${foreign} is not supported yet.`);
  const answers = await Promise.all(
    targets.map(async (target) => {
      const { expr, stepMs } = prepareTarget(target, panel, range, panel.maxDataPoints ?? points, values);
      const step = { ...alignToStep(range.fromMs, range.toMs, stepMs), stepMs };
      const several = targets.length > 1;
      // A target can ask for both; the table wants the present, everything else the range.
      const instant = target.instant && (!target.range || panel.type === 'table');
      if (instant) {
        const { data, warnings } = await queryInstant(expr, range.toMs, signal);
        return { frames: toFrames(data, target, expr, step, several), warnings };
      }
      const { data, warnings } = await queryRange({ query: expr, ...step }, signal);
      return { frames: toFrames(data, target, expr, step, several), warnings };
    }),
  );
  return { frames: answers.flatMap((answer) => answer.frames), warnings: [...new Set(answers.flatMap((answer) => answer.warnings))] };
}
