/** What passes through the collector's pipelines, edge by edge, and how full the queues of its exporters are. */
import { asNumber, asObject, asObjects, asText } from '../dashboards/read';
import { fetchJson } from './client';
import { queryInstant } from './prometheus';

export interface Edge {
  pipeline: string;
  from: string;
  to: string;
  items: number;
  itemsPerSecond: number;
  refused: number;
  refusedPerSecond: number;
  /** Taken and not yet passed on. */
  pending: number;
}

export async function getEdges(signal: AbortSignal): Promise<Edge[]> {
  return asObjects(asObject(await fetchJson('/api/v1/pipelines', {}, signal))['edges']).map((one) => ({
    pipeline: asText(one['pipeline']), from: asText(one['from']), to: asText(one['to']), items: asNumber(one['items'], 0), itemsPerSecond: asNumber(one['itemsPerSecond'], 0),
    refused: asNumber(one['refused'], 0), refusedPerSecond: asNumber(one['refusedPerSecond'], 0), pending: asNumber(one['pending'], 0),
  }));
}

export interface ExporterState {
  queued?: number;
  capacity?: number;
  /** Since the collector's start: what the queue had no room for, and what could not be sent in the end. */
  dropped?: number;
}

const kQueries = {
  queued: 'sum by (exporter) (otelcol_exporter_queue_size)',
  capacity: 'sum by (exporter) (otelcol_exporter_queue_capacity)',
  dropped: 'sum by (exporter) ({__name__=~"otelcol_exporter_(enqueue|send)_failed_.*"})',
} as const;

/** By the exporter's name, as far as the collector's own metrics are stored here; empty where they are not. */
export async function getExporters(signal: AbortSignal): Promise<ReadonlyMap<string, ExporterState>> {
  const states = new Map<string, ExporterState>();
  const names = Object.keys(kQueries) as (keyof typeof kQueries)[];
  const answers = await Promise.all(names.map((name) => queryInstant(kQueries[name], Date.now(), signal)));
  answers.forEach(({ data }, index) => {
    const name = names[index];
    if (data.resultType !== 'vector' || name === undefined) return;
    for (const { metric, value } of data.result) {
      const exporter = metric['exporter'];
      if (exporter !== undefined && value !== undefined) states.set(exporter, { ...states.get(exporter), [name]: Number(value[1]) });
    }
  });
  return states;
}
