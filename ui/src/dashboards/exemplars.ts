/** Exemplars of a panel: which of them are shown, and what is said of each. */
import { getExemplars, kOwnApi } from '../api/prometheus';
import type { Exemplar } from '../api/prometheus';
import { encodeUri, forAddress, interpolate } from './interpolate';
import type { Values } from './interpolate';
import { safeUrl } from '../panels/options';
import type { DataSource } from './sources';

export interface PanelExemplar {
  timeMs: number;
  value: number;
  facts: ExemplarFact[];
}

export interface ExemplarFact {
  name: string;
  value: string;
  /** To the trace that the value names. */
  link?: { title: string; href: string } | undefined;
}

/** More than a chart can show apart; the newest are kept. */
const kExemplarsMax = 1000;

/**
 * Of each step those that stand apart, as Grafana has them: from the largest down, one that is at least twice the standard
 * deviation of all below the one before.
 */
export function thinnedOut(all: readonly Exemplar[], stepMs: number): Exemplar[] {
  const finite = all.filter(({ value }) => Number.isFinite(value));
  const mean = finite.reduce((sum, { value }) => sum + value, 0) / finite.length;
  const deviation = finite.length < 2 ? 0 : Math.sqrt(finite.reduce((sum, { value }) => sum + (value - mean) ** 2, 0) / (finite.length - 1));
  const steps = new Map<number, Exemplar[]>();
  for (const one of finite) {
    const step = Math.floor(one.timeMs / stepMs);
    const ofStep = steps.get(step);
    if (ofStep === undefined) steps.set(step, [one]);
    else ofStep.push(one);
  }
  const kept = [...steps.values()].flatMap((ofStep) => {
    let last = Infinity;
    return ofStep.sort((a, b) => b.value - a.value).filter(({ value }) => {
      const apart = last === Infinity || (value < last && last - value >= 2 * deviation);
      if (apart) last = value;
      return apart;
    });
  });
  return kept.sort((a, b) => b.timeMs - a.timeMs).slice(0, kExemplarsMax);
}

function described({ labels, seriesLabels, timeMs, value }: Exemplar, source: DataSource | undefined, values: Values): PanelExemplar {
  const own = Object.entries(labels).map(([name, text]): ExemplarFact => {
    const to = source?.traceLinks.find(({ label }) => label === name);
    const href = to === undefined ? undefined : safeUrl(interpolate(to.url, values, forAddress, (variable) => (variable === '__value' ? encodeUri(text) : undefined)));
    return { name, value: text, link: to === undefined || href === undefined ? undefined : { title: to.title || `Open ${name}`, href } };
  });
  return { timeMs, value, facts: [...own, ...Object.entries(seriesLabels).filter(([name]) => !(name in labels)).map(([name, text]) => ({ name, value: text }))] };
}

/** What the targets of one source ask in common. */
interface Asked {
  source: DataSource | undefined;
  api: string;
  expr: string;
  step: { startMs: number; endMs: number; stepMs: number };
}

/** Lists of those that have a source in common. */
export function bySource<T extends { source: DataSource | undefined }>(all: readonly T[]): [T, ...T[]][] {
  const lists = new Map<DataSource | undefined, [T, ...T[]]>();
  for (const one of all) {
    const list = lists.get(one.source);
    if (list === undefined) lists.set(one.source, [one]);
    else list.push(one);
  }
  return [...lists.values()];
}

/** What is shown of those of one source; its queries may have found the same ones. */
export function shownExemplars(found: readonly Exemplar[], stepMs: number, source: DataSource | undefined, values: Values): PanelExemplar[] {
  return thinnedOut(found, stepMs).map((one) => described(one, source, values));
}

/** Those of other servers, which do not send them along with answers: of each all that a panel wants at once. Problems leave the panel as it is. */
export async function exemplarsBeside(wanted: readonly Asked[], values: Values, signal: AbortSignal): Promise<{ exemplars: PanelExemplar[]; problems: string[] }> {
  const problems: string[] = [];
  const found = await Promise.all(bySource(wanted.filter(({ api }) => api !== kOwnApi)).map(async (asked) => {
    const [{ source, api, step }] = asked;
    try {
      return shownExemplars(await getExemplars(asked.map(({ expr }) => `(${expr})`).join(' or '), step.startMs, step.endMs, signal, api), step.stepMs, source, values);
    } catch (error) {
      problems.push(`Exemplars of ${source?.name ?? 'the server'}: ${error instanceof Error ? error.message : String(error)}`);
      return [];
    }
  }));
  return { exemplars: found.flat(), problems };
}
