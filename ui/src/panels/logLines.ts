/** Log lines from frames: a time, a text, and the labels that came with them. */
import { FieldType } from '../grafana';
import type { DataFrame } from '../grafana';

export interface LogLine {
  timeMs: number;
  text: string;
  labels: Record<string, string>;
}

const textNames = ['line', 'body', 'message', 'msg', 'log'];

export function readLines(frames: DataFrame[], ascending: boolean): LogLine[] {
  const lines = frames.flatMap((frame) => {
    const time = frame.fields.find((field) => field.type === FieldType.time);
    const strings = frame.fields.filter((field) => field.type === FieldType.string);
    const body = strings.find((field) => textNames.includes(field.name.toLowerCase())) ?? strings[0];
    if (time === undefined || body === undefined) return [];
    const others = frame.fields.filter((field) => field !== time && field !== body);
    return Array.from({ length: frame.length }, (_, row): LogLine => {
      const labels: Record<string, string> = { ...(body.labels ?? {}) };
      for (const field of others) {
        const value = field.values[row] as unknown;
        if (typeof value === 'object' && value !== null) for (const [name, inner] of Object.entries(value)) labels[name] = String(inner);
        else if (value !== undefined && value !== null) labels[field.name] = String(value);
      }
      return { timeMs: Number(time.values[row]), text: String(body.values[row] ?? ''), labels };
    });
  });
  return lines.sort((a, b) => (ascending ? a.timeMs - b.timeMs : b.timeMs - a.timeMs));
}

const levels: [RegExp, string][] = [[/^(crit|fatal|emerg|alert|panic)/i, 'critical'], [/^err/i, 'error'], [/^warn/i, 'warning'], [/^(info|notice)/i, 'info'], [/^(debug|dbug)/i, 'debug'], [/^trace/i, 'trace']];

/** From a label that says it, else from the line's own words. */
export function levelOf({ labels, text }: LogLine): string {
  const said = labels['detected_level'] ?? labels['level'] ?? labels['severity'] ?? /\b(?:level|lvl|severity)["']?\s*[=:]\s*["']?(\w+)/i.exec(text)?.[1] ?? /\b(CRITICAL|FATAL|ERROR|WARN(?:ING)?|INFO|DEBUG|TRACE)\b/.exec(text)?.[1] ?? '';
  return levels.find(([pattern]) => pattern.test(said))?.[1] ?? 'unknown';
}
