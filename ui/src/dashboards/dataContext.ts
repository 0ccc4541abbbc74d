/** What links and names say of the field, the series and the value they stand at: ${__field.labels.pod}, ${__value.time}, ${__data.fields[1].text}. */
import { FieldType, formattedValueToString, getFieldDisplayName } from '../grafana';
import type { DataFrame, DisplayValue, Field } from '../grafana';
import { asObject, asText } from './read';

type Scope = Record<string, { value?: unknown } | undefined> | undefined;

interface Context {
  frame: DataFrame | undefined;
  field: Field | undefined;
  row: number | undefined;
  /** Of a panel that reduces its fields. */
  calculated: DisplayValue | undefined;
}

function contextOf(scope: Scope): Context {
  const context = asObject(scope?.['__dataContext']?.value);
  return {
    frame: context['frame'] as DataFrame | undefined, field: context['field'] as Field | undefined,
    row: typeof context['rowIndex'] === 'number' ? context['rowIndex'] : undefined, calculated: context['calculatedValue'] as DisplayValue | undefined,
  };
}

const labelsText = (labels: Record<string, string>) => Object.entries(labels).map(([name, value]) => `${name}="${value}"`).join(', ');

function partOfField({ field, frame }: Context, part: string): string | undefined {
  if (field === undefined) return undefined;
  const label = /^labels(?:\.|\[["']?)([^\]"']+)/.exec(part)?.[1];
  if (label !== undefined) return field.labels?.[label] ?? '';
  if (part === 'labels') return labelsText(field.labels ?? {});
  return part === '' || part === 'name' || part === 'displayName' ? getFieldDisplayName(field, frame) : undefined;
}

/** A value as it is shown, or as it is: `raw`, `numeric`. */
function valueText(shown: DisplayValue | undefined, raw: unknown, part: string): string | undefined {
  if (part === 'raw' || part === 'numeric') return part === 'numeric' && shown !== undefined ? String(shown.numeric) : asText(raw, String(raw ?? ''));
  if (part !== '' && part !== 'text') return undefined;
  return shown === undefined ? String(raw ?? '') : formattedValueToString(shown);
}

function partOfValue({ field, frame, row, calculated }: Context, part: string, calc: unknown): string | undefined {
  if (part === 'calc') return asText(calc);
  if (part === 'time') {
    const times = frame?.fields.find((one) => one.type === FieldType.time)?.values as unknown[] | undefined;
    return row === undefined ? undefined : asText(times?.[row]);
  }
  if (calculated !== undefined) return valueText(calculated, calculated.numeric, part);
  if (row === undefined || field === undefined) return undefined;
  return valueText(field.display?.(field.values[row]), field.values[row], part);
}

function partOfRow({ frame, row }: Context, path: string): string | undefined {
  const parts = /^fields(?:\.([^.[\]]+)|\[["']?([^\]"']+)["']?\])(?:\.(\w+))?$/.exec(path);
  if (parts === null || frame === undefined || row === undefined) return undefined;
  const wanted = parts[1] ?? parts[2];
  const found = frame.fields.find((one, index) => one.name === wanted || getFieldDisplayName(one, frame) === wanted || String(index) === wanted);
  return found === undefined ? undefined : valueText(found.display?.(found.values[row]), found.values[row], parts[3] ?? '');
}

/** Undefined for what is not of the data, or not there. */
export function partOf(scope: Scope, name: string, part: string): string | undefined {
  const context = contextOf(scope);
  if (name === '__field') return partOfField(context, part);
  if (name === '__series') return part === 'name' && context.frame !== undefined ? asText(context.frame.name, context.field === undefined ? '' : getFieldDisplayName(context.field, context.frame)) : undefined;
  if (name === '__value') return partOfValue(context, part, scope?.['__calc']?.value);
  if (name === '__data') return partOfRow(context, part);
  return name === '__calc' && part === '' ? asText(scope?.['__calc']?.value) || undefined : undefined;
}
