/** Which alerts an alert list shows. */
import type { Alert, AlertState } from '../api/types';
import { asBoolean, asList, asNumber, asObject, asText } from '../dashboards/read';
import type { Json } from '../dashboards/read';

export interface AlertOptions {
  states: ReadonlySet<AlertState>;
  name: string;
  /** Matchers of labels: {a="b", c=~"d"}. */
  matchers: { label: string; operator: string; value: string; regex: RegExp | undefined }[];
  most: number;
  /** 1 by name, 3 by importance (the default), 4 and 5 by time. */
  order: number;
  /** Options of the document that mean nothing to this server. */
  ignored: string[];
}

const kMatcher = /([a-zA-Z_][\w.]*)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"/g;

function toRegex(pattern: string): RegExp | undefined {
  try {
    return new RegExp(`^(?:${pattern})$`);
  } catch {
    return undefined;
  }
}

export function readAlertOptions(options: Json, replace: (text: string) => string): AlertOptions {
  const filter = asObject(options['stateFilter']);
  const old = asList(options['stateFilter']).length > 0;
  const states = new Set<AlertState>();
  if (old || Object.keys(filter).length === 0 || asBoolean(filter['firing'])) states.add('firing');
  if (old || Object.keys(filter).length === 0 || asBoolean(filter['pending'])) states.add('pending');
  const matchers = [...replace(asText(options['alertInstanceLabelFilter'])).matchAll(kMatcher)].map(([, label = '', operator = '=', value = '']) => ({ label, operator, value, regex: operator.endsWith('~') ? toRegex(value) : undefined }));
  const ignored = ['folder', 'datasource', 'dashboardAlerts', 'dashboardTitle'].filter((name) => options[name] !== undefined && options[name] !== null && options[name] !== '' && options[name] !== false);
  return { states, name: replace(asText(options['alertName'])).toLowerCase(), matchers, most: Math.max(1, Math.min(500, asNumber(options['maxItems'], 20))), order: asNumber(options['sortOrder'], 3), ignored };
}

function matches(alert: Alert, { states, name, matchers }: AlertOptions): boolean {
  if (!states.has(alert.state) || !(alert.labels['alertname'] ?? '').toLowerCase().includes(name)) return false;
  return matchers.every(({ label, operator, value, regex }) => {
    const has = alert.labels[label] ?? '';
    const equal = operator.endsWith('~') ? regex?.test(has) === true : has === value;
    return operator.startsWith('!') ? !equal : equal;
  });
}

export function chooseAlerts(alerts: Alert[], options: AlertOptions): { shown: Alert[]; left: number } {
  const rank = (alert: Alert) => (alert.state === 'firing' ? 0 : 1);
  const name = (alert: Alert) => alert.labels['alertname'] ?? '';
  const since = (alert: Alert) => Date.parse(alert.activeAt ?? '') || 0;
  const found = alerts.filter((alert) => matches(alert, options)).sort((a, b) => {
    if (options.order === 1) return name(a).localeCompare(name(b));
    if (options.order === 2) return name(b).localeCompare(name(a));
    if (options.order === 4) return since(a) - since(b);
    if (options.order === 5) return since(b) - since(a);
    return rank(a) - rank(b) || name(a).localeCompare(name(b));
  });
  return { shown: found.slice(0, options.most), left: Math.max(0, found.length - options.most) };
}
