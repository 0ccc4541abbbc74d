/** Bars of a bar chart or a histogram: categories with one value per series. */
import { FieldType, formattedValueToString, getFieldDisplayName, getFieldSeriesColor } from '../grafana';
import type { DataFrame, Field, GrafanaTheme2 } from '../grafana';
import { asNumber, asObject, asText } from '../dashboards/read';
import type { Json } from '../dashboards/read';

export interface Bars {
  categories: string[];
  series: { name: string; color: string; field: Field | undefined; values: (number | null)[] }[];
  /** Why there are none, or not all. */
  note?: string;
}

const kCategoriesMax = 500;
const kSeriesMax = 50;

const show = (field: Field, row: number) => (field.display === undefined ? String(field.values[row]) : formattedValueToString(field.display(field.values[row])));

/** The first text or time column (or the one that the document names) makes the categories, every number a series. */
export function readBars(frames: DataFrame[], options: Json, theme: GrafanaTheme2): Bars {
  const empty = { categories: [], series: [] };
  if (frames.length > 1 && frames.every((frame) => frame.length === 1)) {
    // One sample per series, as an instant query answers: each is a category of its own.
    const fields = frames.flatMap((frame) => frame.fields.filter((field) => field.type === FieldType.number).map((field) => ({ field, frame })));
    return {
      categories: fields.map(({ field, frame }) => getFieldDisplayName(field, frame, frames)),
      series: [{ name: 'Value', color: theme.visualization.getColorByName(fields[0] === undefined ? 'green' : getFieldSeriesColor(fields[0].field, theme).color), field: fields[0]?.field, values: fields.map(({ field }) => field.values[0] as number | null) }],
    };
  }
  if (frames.length > 1) return { ...empty, note: 'A bar chart draws one table; join the answers with a transformation.' };
  const frame = frames[0];
  if (frame === undefined) return empty;
  const wanted = asText(options['xField']);
  const head = frame.fields.find((field) => wanted !== '' && (field.name === wanted || getFieldDisplayName(field, frame, frames) === wanted))
    ?? frame.fields.find((field) => field.type === FieldType.string) ?? frame.fields.find((field) => field.type === FieldType.time);
  if (head === undefined) return { ...empty, note: 'A bar chart needs a text or time column for its categories.' };
  const count = Math.min(frame.length, kCategoriesMax);
  const numbers = frame.fields.filter((field) => field.type === FieldType.number && field !== head && asObject(asObject(field.config.custom)['hideFrom'])['viz'] !== true).slice(0, kSeriesMax);
  return {
    categories: Array.from({ length: count }, (_, row) => show(head, row)),
    series: numbers.map((field) => ({ name: getFieldDisplayName(field, frame, frames), color: theme.visualization.getColorByName(getFieldSeriesColor(field, theme).color), field, values: (field.values as (number | null)[]).slice(0, count) })),
    ...(frame.length > count ? { note: `${count} of ${frame.length} categories are drawn.` } : {}),
  };
}

/** All values counted into about thirty buckets, or into those of the size that the document gives. */
export function readHistogram(frames: DataFrame[], options: Json, theme: GrafanaTheme2): Bars {
  const fields = frames.flatMap((frame) => frame.fields.filter((field) => field.type === FieldType.number).map((field) => ({ field, frame })));
  const numbers = (field: Field) => (field.values as (number | null)[]).filter((value): value is number => typeof value === 'number' && Number.isFinite(value));
  let [low, high] = [Infinity, -Infinity];
  for (const { field } of fields) for (const value of numbers(field)) [low, high] = [Math.min(low, value), Math.max(high, value)];
  if (low > high) return { categories: [], series: [] };
  const asked = asNumber(options['bucketSize'], 0);
  const raw = (high - low) / Math.max(1, Math.min(200, asNumber(options['bucketCount'], 30))) || 1;
  const power = 10 ** Math.floor(Math.log10(raw));
  const size = asked > 0 ? asked : ([1, 2, 2.5, 5, 10].find((factor) => factor * power >= raw * 0.999) ?? 10) * power;
  const offset = asNumber(options['bucketOffset'], 0);
  const bucket = (value: number) => Math.floor((value - offset) / size + 1e-9);
  const [first, count] = [bucket(low), bucket(high) - bucket(low) + 1];
  if (count > kCategoriesMax) return { categories: [], series: [], note: `Buckets of ${size} would be ${count}; at most ${kCategoriesMax} are drawn.` };
  const display = fields[0]?.field.display;
  const text = (value: number) => (display === undefined ? String(value) : formattedValueToString(display(value)));
  const tally = (values: number[]) => {
    const counts = new Array<number>(count).fill(0);
    for (const value of values) counts[bucket(value) - first] = (counts[bucket(value) - first] ?? 0) + 1;
    return counts;
  };
  const shown = options['combine'] === true
    ? [{ name: 'Count', color: theme.visualization.getColorByName('green'), field: undefined, values: tally(fields.flatMap(({ field }) => numbers(field))) }]
    : fields.slice(0, kSeriesMax).map(({ field, frame }) => ({ name: getFieldDisplayName(field, frame, frames), color: theme.visualization.getColorByName(getFieldSeriesColor(field, theme).color), field: undefined, values: tally(numbers(field)) }));
  return { categories: Array.from({ length: count }, (_, index) => `${text((first + index) * size + offset)} – ${text((first + index + 1) * size + offset)}`), series: shown };
}
