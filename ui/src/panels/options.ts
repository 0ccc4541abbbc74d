/** Options that several panel types share. */
import { toBrowser } from '../api/basePath';
import type { ReduceDataOptions } from '../grafana';
import { asBoolean, asList, asObject, asOptionalNumber, asText } from '../dashboards/read';
import type { Json } from '../dashboards/read';

export function readReduce(options: Json): ReduceDataOptions {
  const reduce = asObject(options['reduceOptions']);
  const calcs = asList(reduce['calcs']).map((calc) => asText(calc)).filter((calc) => calc !== '');
  const limit = asOptionalNumber(reduce['limit']);
  return { calcs: calcs.length > 0 ? calcs : ['lastNotNull'], values: asBoolean(reduce['values']), fields: asText(reduce['fields']), ...(limit === undefined ? {} : { limit }) };
}

export type Orientation = 'horizontal' | 'vertical';

/** `auto` follows the panel's shape: side by side when it is wide. */
export function readOrientation(options: Json, width: number, height: number, autoWide: Orientation): Orientation {
  const wanted = options['orientation'];
  if (wanted === 'horizontal' || wanted === 'vertical') return wanted;
  const autoTall = autoWide === 'vertical' ? 'horizontal' : 'vertical';
  return width > height ? autoWide : autoTall;
}

/** Links come from documents: only addresses that lead to a page are followed. */
export function safeUrl(url: string | undefined): string | undefined {
  if (url === undefined) return undefined;
  const trimmed = url.trim();
  return /^(https?:\/\/|\/(?!\/)|\?|#|mailto:)/i.test(trimmed) || /^[\w./-]+(\?.*)?$/.test(trimmed) ? toBrowser(trimmed) : undefined;
}
