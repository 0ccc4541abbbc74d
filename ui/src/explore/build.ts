/** An expression put together from choices, for those who do not write PromQL yet. */
export type Operator = '=' | '!=' | '=~' | '!~';
export const operators: readonly Operator[] = ['=', '!=', '=~', '!~'];

export interface Filter {
  label: string;
  operator: Operator;
  value: string;
}

/** What is made of the samples of each series. */
export type Over = 'none' | 'rate' | 'increase' | 'avg_over_time' | 'max_over_time';
/** What is made of all series together. */
export type Aggregation = 'none' | 'sum' | 'avg' | 'max' | 'min' | 'count';

export interface Choices {
  metric: string;
  filters: Filter[];
  over: Over;
  /** A duration: "5m". */
  window: string;
  aggregation: Aggregation;
  by: string[];
  /** For histograms: 0.95; absent: none. */
  quantile: number | undefined;
}

export const nothing: Choices = { metric: '', filters: [], over: 'none', window: '5m', aggregation: 'none', by: [], quantile: undefined };

const isPlain = (name: string) => /^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(name);
const isPlainLabel = (name: string) => /^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name);
const quoted = (text: string) => JSON.stringify(text);
const labelName = (name: string) => (isPlainLabel(name) ? name : quoted(name));

/** What suits a metric of this type, as metadata or else its name tells it. */
export function suggested(metric: string, type: string): Choices {
  const counts = type === 'counter' || (type === '' && /_(total|count|sum)$/.test(metric));
  const histogram = type === 'histogram' || /_bucket$/.test(metric);
  if (histogram) return { ...nothing, metric, over: 'rate', aggregation: 'sum', by: /_bucket$/.test(metric) ? ['le'] : [], quantile: 0.95 };
  return { ...nothing, metric, over: counts ? 'rate' : 'none' };
}

export function selectorOf({ metric, filters }: Pick<Choices, 'metric' | 'filters'>): string {
  const parts = filters.filter((filter) => filter.label !== '').map(({ label, operator, value }) => `${labelName(label)}${operator}${quoted(value)}`);
  if (isPlain(metric)) return parts.length === 0 ? metric : `${metric}{${parts.join(', ')}}`;
  return `{${[quoted(metric), ...parts].join(', ')}}`;
}

/** "" while there is no metric. */
export function buildExpression(choices: Choices): string {
  if (choices.metric === '') return '';
  let expr = selectorOf(choices);
  if (choices.over !== 'none') expr = `${choices.over}(${expr}[${choices.window}])`;
  if (choices.aggregation !== 'none') expr = `${choices.aggregation}${choices.by.length === 0 ? '' : ` by (${choices.by.map(labelName).join(', ')})`}${choices.by.length === 0 ? '' : ' '}(${expr})`;
  return choices.quantile === undefined ? expr : `histogram_quantile(${choices.quantile}, ${expr})`;
}
