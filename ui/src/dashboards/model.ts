/**
 * A dashboard in Grafana's JSON model after loading: every field that the code reads exists and has today's form, however
 * old the document was. Panels of types that nobody draws yet stay in it, so that they can say so.
 */
import type { TimeRange } from '../time/range';
import type { VariableValue } from './interpolate';

export interface GridPos {
  x: number;
  y: number;
  w: number;
  h: number;
}

export interface DataSourceRef {
  type?: string;
  uid?: string;
}

export interface Target {
  refId: string;
  expr: string;
  legendFormat: string;
  format: 'time_series' | 'table' | 'heatmap';
  instant: boolean;
  range: boolean;
  /** Smallest step, possibly with variables. */
  interval: string;
  intervalFactor: number;
  hide: boolean;
  /** Single observations are shown beside the series. */
  exemplar: boolean;
  /** The panel whose data it stands for, where its source is the dashboard itself. */
  ofPanel: { id: number; transformed: boolean; onlyAnnotations: boolean } | undefined;
  datasource: DataSourceRef | undefined;
}

export interface Override {
  matcher: { id: string; options?: unknown };
  properties: { id: string; value?: unknown }[];
}

export interface FieldConfig {
  defaults: Record<string, unknown>;
  overrides: Override[];
}

export interface Link {
  title: string;
  url: string;
  targetBlank: boolean;
}

/** A link in a dashboard's head: to an address, or to all dashboards that have its tags. */
export interface DashboardLink extends Link {
  type: 'link' | 'dashboards';
  tags: string[];
  asDropdown: boolean;
  includeVars: boolean;
  keepTime: boolean;
  tooltip: string;
}

/** Events along the time axis: found by a query, where its value is not zero, or marked by people and scripts. */
export interface Annotation {
  name: string;
  /** Shown unless the reader switches it off. */
  enabled: boolean;
  /** Its switch is not shown. */
  hidden: boolean;
  color: string;
  expr: string;
  step: string;
  titleFormat: string;
  textFormat: string;
  tagKeys: string[];
  useValueForTime: boolean;
  /** Of those that people and scripts marked, instead of a query: by tag, or of this dashboard. */
  stored: { tags: string[]; matchAny: boolean; ofDashboard: boolean; limit: number } | undefined;
  datasource: DataSourceRef | undefined;
  /** Panels that show it; `exclude` turns the list round. */
  panels: { exclude: boolean; ids: number[] } | undefined;
  /** Why this server cannot answer it. */
  problem: string | undefined;
}

export interface Panel {
  id: number;
  type: string;
  title: string;
  description: string;
  gridPos: GridPos;
  datasource: DataSourceRef | undefined;
  targets: Target[];
  options: Record<string, unknown>;
  fieldConfig: FieldConfig;
  transformations: { id: string; options?: unknown; disabled?: boolean; filter?: unknown }[];
  links: Link[];
  transparent: boolean;
  /** Smallest step of all targets. */
  interval: string;
  maxDataPoints: number | undefined;
  timeFrom: string;
  timeShift: string;
  /** Name of the variable for whose values the panel is repeated. */
  repeat: string;
  repeatDirection: 'h' | 'v';
  maxPerRow: number;
  /** Rows only. */
  collapsed: boolean;
  panels: Panel[];
  hideTimeOverride: boolean;
  /** Values that hold in this copy of a repeated panel. */
  scope: Record<string, VariableValue>;
  /** Why its data cannot be had. */
  problem: string | undefined;
  /** As the document has it, for those who look into the panel. */
  source: Record<string, unknown>;
}

export type VariableType = 'query' | 'custom' | 'constant' | 'interval' | 'datasource' | 'textbox' | 'adhoc' | 'unknown';

export interface Variable {
  name: string;
  type: VariableType;
  label: string;
  description: string;
  /** 0: shown, 1: without its label, 2: not at all. */
  hide: 0 | 1 | 2;
  query: string;
  regex: string;
  sort: number;
  multi: boolean;
  includeAll: boolean;
  allValue: string;
  /** The selection saved in the document; `$__all` stands for everything. */
  current: string[];
  skipUrlSync: boolean;
  datasource: DataSourceRef | undefined;
  /** Interval variables: the choice that follows the range, in so many steps and never shorter than so. */
  auto: { count: number; min: string } | undefined;
}

export interface Dashboard {
  uid: string;
  title: string;
  description: string;
  tags: string[];
  utc: boolean;
  /** Another zone that the document asks for, which is not shown. */
  otherZone: string | undefined;
  /** Ranges end so long before now. */
  nowDelayMs: number;
  time: TimeRange;
  refresh: string;
  /** 0: charts for themselves, 1 and 2: cursors together. */
  graphTooltip: number;
  panels: Panel[];
  variables: Variable[];
  links: DashboardLink[];
  annotations: Annotation[];
  hideTimePicker: boolean;
  /** As the server gave it, for export and changes. */
  source: Record<string, unknown>;
  /** What the server says of it. */
  meta: { canSave: boolean; canDelete: boolean; isProvisioned: boolean; folderUid: string; folderTitle: string };
}

export const kColumns = 24;
export const kAll = '$__all';
