/** What a state timeline draws: per series the stretches of time in which its state stayed the same. */
import { FieldColorModeId, FieldType, formattedValueToString, ThresholdsMode } from '../grafana';
import type { DataFrame, Field, GrafanaTheme2 } from '../grafana';
import { asNumber, asObject } from '../dashboards/read';

export interface Stretch {
  fromMs: number;
  toMs: number;
  text: string;
  color: string;
}

export interface StateRow {
  name: string;
  stretches: Stretch[];
}

const kRowsMax = 200;

/** Numbers coloured by thresholds and named by no mapping: their states are the ranges between the limits. */
function rangesOf(field: Field): ((value: number) => string) | undefined {
  const { thresholds, mappings = [], color } = field.config;
  if (field.type !== FieldType.number || color?.mode !== FieldColorModeId.Thresholds || mappings.length > 0 || thresholds === undefined) return undefined;
  const [low, high] = [asNumber(field.config.min, 0), asNumber(field.config.max, 100)];
  const limits = thresholds.steps.map(({ value }) => (thresholds.mode === ThresholdsMode.Percentage && Number.isFinite(value) ? low + ((high - low) * value) / 100 : value));
  const text = (value: number) => (field.display === undefined ? String(value) : formattedValueToString(field.display(value)));
  return (value) => {
    let at = 0;
    while (at < limits.length - 1 && value >= (limits[at + 1] ?? Infinity)) at++;
    const [from, to] = [limits[at] ?? -Infinity, limits[at + 1]];
    if (from === -Infinity) return to === undefined ? 'any' : `< ${text(to)}`;
    return to === undefined ? `≥ ${text(from)}` : `${text(from)} – ${text(to)}`;
  };
}

/**
 * `merge` joins neighbours of equal text and colour. A missing value ends a stretch unless the field spans gaps. `each` gives
 * every sample a cell of its own, as a status history does.
 */
export function readStates(
  frames: DataFrame[], nameOf: (field: Field, frame: DataFrame) => string, theme: GrafanaTheme2, endMs: number, { merge, each }: { merge: boolean; each: boolean },
): { rows: StateRow[]; left: number } {
  const rows: StateRow[] = [];
  for (const frame of frames) {
    const time = frame.fields.find((field) => field.type === FieldType.time);
    if (time === undefined) continue;
    const times = time.values as number[];
    const stepMs = asNumber(time.config.interval, (times[1] ?? 0) - (times[0] ?? 0));
    for (const field of frame.fields) {
      const custom = asObject(field.config.custom);
      if (field === time || asObject(custom['hideFrom'])['viz'] === true) continue;
      const span = custom['spanNulls'] === true || (typeof custom['spanNulls'] === 'number' && custom['spanNulls'] > 0);
      const range = rangesOf(field);
      const stretches: Stretch[] = [];
      let open: Stretch | undefined;
      times.forEach((ms, index) => {
        const value = field.values[index] as unknown;
        if (open !== undefined && !(span && (value === null || value === undefined))) open.toMs = each ? Math.min(open.toMs, ms) : ms;
        if (value === null || value === undefined || (typeof value === 'number' && Number.isNaN(value))) {
          const mapped = field.display?.(value);
          const isMapped = value !== undefined && mapped !== undefined && (field.config.mappings ?? []).length > 0 && mapped.text !== '' && mapped.color !== undefined && mapped.text !== 'null';
          if (!isMapped) {
            if (!span) open = undefined;
            return;
          }
        }
        const shown = field.display?.(value);
        const color = theme.visualization.getColorByName(shown?.color ?? theme.colors.text.secondary);
        const text = range !== undefined && typeof value === 'number' ? range(value) : shown === undefined ? String(value) : formattedValueToString(shown);
        if (merge && !each && open !== undefined && open.text === text && open.color === color) return;
        open = { fromMs: each ? ms - stepMs / 2 : ms, toMs: each ? ms + stepMs / 2 : ms + Math.max(stepMs, 1), text, color };
        stretches.push(open);
      });
      const last = stretches.at(-1);
      if (last !== undefined && last === open && !each) last.toMs = Math.max(last.toMs, endMs);
      rows.push({ name: nameOf(field, frame), stretches });
    }
  }
  return { rows: rows.slice(0, kRowsMax), left: Math.max(0, rows.length - kRowsMax) };
}

/** Each state once, in order of appearance, for the legend. */
export function distinctStates(rows: StateRow[], most: number): { text: string; color: string }[] {
  const seen = new Map<string, { text: string; color: string }>();
  for (const { stretches } of rows) {
    for (const { text, color } of stretches) {
      if (seen.size > most) return [];
      seen.set(`${text}\n${color}`, { text, color });
    }
  }
  return [...seen.values()];
}
