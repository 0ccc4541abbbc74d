/** A panel's field rules applied to its frames: afterwards every field knows how to display itself. */
import { applyFieldOverrides, cacheFieldDisplayNames, FieldConfigOptionsRegistry, FieldType } from '@grafana/data';
import type { DataFrame, Field, FieldConfigSource, GrafanaTheme2, InterpolateFunction } from '@grafana/data';

interface Property {
  id: string;
  path: string;
  shouldApply: (field: Field) => boolean;
  process: (value: unknown, context: { field?: Field; replaceVariables?: InterpolateFunction }) => unknown;
}

const always = () => true;
const notTime = (field: Field) => field.type !== FieldType.time;
const onlyNumbers = (field: Field) => field.type === FieldType.number;
const asIs = (value: unknown) => value;
const asNumber = (value: unknown) => (value === undefined || value === null || value === '' ? undefined : Number.parseFloat(String(value)));

/** More digits than a number has are asked for only by mistake, and nothing can write them. */
const asDecimals = (value: unknown) => { const number = asNumber(value); return number === undefined || Number.isNaN(number) ? undefined : Math.min(20, Math.max(0, Math.round(number))); };

const asReplacedText: Property['process'] = (value, { field, replaceVariables }) => {
  if (value === undefined || value === null) return value;
  return replaceVariables === undefined ? String(value) : replaceVariables(String(value), field?.state?.scopedVars);
};

const standard: Property[] = [
  { id: 'displayName', path: 'displayName', shouldApply: always, process: asReplacedText },
  { id: 'unit', path: 'unit', shouldApply: always, process: asReplacedText },
  { id: 'min', path: 'min', shouldApply: onlyNumbers, process: asNumber },
  { id: 'max', path: 'max', shouldApply: onlyNumbers, process: asNumber },
  { id: 'fieldMinMax', path: 'fieldMinMax', shouldApply: onlyNumbers, process: asIs },
  { id: 'decimals', path: 'decimals', shouldApply: onlyNumbers, process: asDecimals },
  { id: 'noValue', path: 'noValue', shouldApply: always, process: asReplacedText },
  { id: 'color', path: 'color', shouldApply: notTime, process: asIs },
  { id: 'thresholds', path: 'thresholds', shouldApply: notTime, process: asIs },
  { id: 'mappings', path: 'mappings', shouldApply: always, process: asIs },
  { id: 'links', path: 'links', shouldApply: always, process: asIs },
  { id: 'filterable', path: 'filterable', shouldApply: always, process: asIs },
];

/** What panels keep under `custom`; drawing properties make no sense for the time field. */
const drawing = [
  'drawStyle', 'lineInterpolation', 'lineWidth', 'lineStyle', 'fillOpacity', 'fillBelowTo', 'gradientMode', 'showPoints', 'pointSize', 'barAlignment',
  'barWidthFactor', 'stacking', 'spanNulls', 'insertNulls', 'transform', 'axisPlacement', 'axisLabel', 'axisColorMode', 'axisSoftMin', 'axisSoftMax',
  'axisCenteredZero', 'axisWidth', 'axisGridShow', 'axisBorderShow', 'scaleDistribution', 'thresholdsStyle', 'hideFrom', 'lineColor', 'showValues',
];
const tabular = ['width', 'minWidth', 'align', 'displayMode', 'cellOptions', 'hidden', 'inspect', 'filterable', 'wrapText', 'footer'];

/** Of the properties that some rules name; each field is held against every property, and most rules name few. */
const registries = new Map<string, FieldConfigOptionsRegistry>();
const kRegistriesMax = 100;

function registryFor(rules: PanelFieldRules, always: string[]): FieldConfigOptionsRegistry {
  const named = new Set([
    ...always, ...Object.keys(rules.defaults), ...Object.keys((rules.defaults['custom'] as object | undefined) ?? {}).map((name) => `custom.${name}`),
    ...rules.overrides.flatMap(({ properties }) => properties.map(({ id }) => id)),
  ]);
  const key = [...named].sort().join(' ');
  const known = registries.get(key);
  if (known !== undefined) return known;
  if (registries.size >= kRegistriesMax) registries.clear();
  const created = makeRegistry(named);
  registries.set(key, created);
  return created;
}

function makeRegistry(named: ReadonlySet<string>): FieldConfigOptionsRegistry {
  const custom = [...drawing.map((name) => [name, notTime] as const), ...tabular.map((name) => [name, always] as const)];
  const properties = [
    ...standard.map((property) => ({ ...property, isCustom: false })),
    ...custom.map(([name, shouldApply]) => ({ id: `custom.${name}`, path: name, shouldApply, process: asIs, isCustom: true })),
  ];
  const entries = properties.filter(({ id }) => named.has(id)).map((property) => ({ ...property, name: property.id, editor: () => null, override: () => null }));
  return new FieldConfigOptionsRegistry(() => entries as unknown as ReturnType<ConstructorParameters<typeof FieldConfigOptionsRegistry>[0] & (() => never)>);
}

export interface PanelFieldRules {
  /** From the document. */
  defaults: Record<string, unknown>;
  overrides: { matcher: { id: string; options?: unknown }; properties: { id: string; value?: unknown }[] }[];
  /** The panel type's own, which documents leave out. */
  colorMode: string;
}

const defaultThresholds = { mode: 'absolute', steps: [{ value: -Infinity, color: 'green' }, { value: 80, color: 'red' }] };

/** What is given below where a document says nothing. */
const kAlwaysNamed = ['color', 'thresholds', 'mappings'];

export function prepareFrames(
  frames: DataFrame[], rules: PanelFieldRules, theme: GrafanaTheme2, utc: boolean, replaceVariables: InterpolateFunction,
): DataFrame[] {
  const defaults = {
    ...rules.defaults,
    color: rules.defaults['color'] ?? { mode: rules.colorMode },
    thresholds: rules.defaults['thresholds'] ?? defaultThresholds,
    mappings: rules.defaults['mappings'] ?? [],
  };
  const prepared = applyFieldOverrides({
    data: frames, fieldConfig: { defaults, overrides: rules.overrides } as FieldConfigSource, fieldConfigRegistry: registryFor(rules, kAlwaysNamed), replaceVariables, theme,
    timeZone: utc ? 'utc' : 'browser',
  });
  cacheFieldDisplayNames(prepared); // before anything asks for a name: tables would say "Value #A" otherwise
  return prepared;
}
