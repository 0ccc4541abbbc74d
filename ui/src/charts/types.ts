/** What a time chart draws. Times are milliseconds; a missing value is null. */

export type DrawStyle = 'line' | 'bars' | 'points';
export type Interpolation = 'linear' | 'smooth' | 'stepBefore' | 'stepAfter';

export interface ChartSeries {
  name: string;
  color: string;
  values: (number | null | undefined)[];
  /** Which axis: a ChartAxis' key. */
  axis: string;
  style: DrawStyle;
  interpolation: Interpolation;
  lineWidth: number;
  /** 0 to 100. */
  fillOpacity: number;
  gradient: 'none' | 'opacity' | 'scheme';
  /** With the gradient `scheme`: colours along the axis, ascending; `value` is a share of it where `shares`. `blend`: they flow into each other. */
  scheme?: { stops: ChartThreshold[]; shares: boolean; blend: boolean } | undefined;
  /** Line ends: dots have round ones. */
  round?: boolean | undefined;
  dash?: number[] | undefined;
  points: 'auto' | 'always' | 'never';
  pointSize: number;
  /** Gaps that are bridged, at most so long. */
  spanNullsMs: number;
  /** Bars: -1 before their time, 0 around it, 1 after it. */
  barAlignment?: -1 | 0 | 1 | undefined;
  /** Of the room between two times. */
  barWidth?: number | undefined;
  /** The area down to the series of this name is filled. */
  fillBelowTo?: string | undefined;
  /** Series of one group are drawn on top of each other. */
  stack?: { group: string; percent: boolean } | undefined;
  hidden: boolean;
  inTooltip: boolean;
  format: (value: number) => string;
}

export interface ChartAxis {
  key: string;
  side: 'left' | 'right' | 'hidden';
  label?: string | undefined;
  min?: number | undefined;
  max?: number | undefined;
  softMin?: number | undefined;
  softMax?: number | undefined;
  centeredZero?: boolean | undefined;
  /** Logarithm's base; absent: linear. */
  log?: 2 | 10 | undefined;
  /** A logarithm on both sides of zero, linear up to so far from it. */
  symlog?: number | undefined;
  color?: string | undefined;
  /** Ticks on powers of two, for bytes. */
  binary?: boolean | undefined;
  grid: boolean;
  /** Labels for the ticks, all at once so that they can share their precision. */
  format: (ticks: number[]) => string[];
}

export interface ChartThreshold {
  value: number;
  color: string;
}

export interface ChartThresholds {
  axis: string;
  lines: boolean;
  dashed: boolean;
  areas: boolean;
  /** Values are shares of the axis in percent. */
  percent: boolean;
  /** Ascending; the first may be -Infinity. */
  steps: ChartThreshold[];
}

/** One observation beside the series; drawn at the edge when its value is out of the scale. */
export interface ChartDot {
  ms: number;
  value: number;
  color: string;
  /** What is said of it where the pointer is on it, and kept to be read by a click. */
  facts?: ChartFact[] | undefined;
}

export interface ChartFact {
  name: string;
  value: string;
  link?: { title: string; href: string } | undefined;
}

/** A moment, or a stretch when the two times differ, that is marked across the chart. */
export interface ChartMark {
  fromMs: number;
  toMs: number;
  title: string;
  text: string;
  color: string;
}

export interface ChartTooltip {
  mode: 'single' | 'multi' | 'none';
  sort: 'none' | 'asc' | 'desc';
  hideZeros: boolean;
}
