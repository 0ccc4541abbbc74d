/** What passes through the collector's pipelines, edge by edge, and what its parts say of queues and losses. */
import { asNumber, asObject, asObjects, asText } from '../dashboards/read';
import { fetchJson } from './client';

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

/** What a part tells of what it took since the pipelines began. */
export interface Account {
  /** "exporter otlp/tempo" */
  component: string;
  /** Empty where pipelines of a signal share the part. */
  pipeline: string;
  signal: string;
  queue?: { size: number; capacity: number; unit: string };
  sent: number;
  /** Given up, whether or not who sent it was told. */
  sendFailed: number;
  /** What the queue had no room for, given back. */
  notQueued: number;
  /** What nobody has any more, in all and by the reason. */
  dropped: number;
  reasons: { reason: string; items: number }[];
}

export interface Pipelines {
  edges: Edge[];
  accounts: Account[];
}

export async function getPipelines(signal: AbortSignal): Promise<Pipelines> {
  const document = asObject(await fetchJson('/api/v1/pipelines', {}, signal));
  const edges = asObjects(document['edges']).map((one) => ({
    pipeline: asText(one['pipeline']), from: asText(one['from']), to: asText(one['to']), items: asNumber(one['items'], 0), itemsPerSecond: asNumber(one['itemsPerSecond'], 0),
    refused: asNumber(one['refused'], 0), refusedPerSecond: asNumber(one['refusedPerSecond'], 0), pending: asNumber(one['pending'], 0),
  }));
  const accounts = asObjects(document['components']).map((one): Account => {
    const queue = one['queue'] === undefined ? undefined : asObject(one['queue']);
    return {
      component: asText(one['component']), pipeline: asText(one['pipeline']), signal: asText(one['signal']),
      ...(queue === undefined ? {} : { queue: { size: asNumber(queue['size'], 0), capacity: asNumber(queue['capacity'], 0), unit: asText(queue['unit']) } }),
      sent: asNumber(one['sent'], 0), sendFailed: asNumber(one['sendFailed'], 0), notQueued: asNumber(one['notQueued'], 0), dropped: asNumber(one['dropped'], 0),
      reasons: Object.entries(asObject(one['droppedByReason'])).map(([reason, items]) => ({ reason, items: asNumber(items, 0) })),
    };
  });
  return { edges, accounts };
}

/** Of the part that stands under this name in a pipeline; none where it cannot lose anything. */
export function accountOf(accounts: Account[], pipeline: string, component: string): Account | undefined {
  const signal = pipeline.split('/')[0];
  return accounts.find((one) => one.component === component && (one.pipeline === '' ? one.signal === signal : one.pipeline === pipeline));
}
