/** The answers of Prometheus' HTTP API, as far as the pages read them. */

export type Labels = Record<string, string>;

/** [seconds since the epoch, the value as text: it may be NaN or +Inf]. */
export type ApiPoint = [number, string];

export interface ApiBucketHistogram {
  count: string;
  sum: string;
  buckets?: [number, string, string, string][];
}

export interface VectorSample {
  metric: Labels;
  value?: ApiPoint;
  histogram?: [number, ApiBucketHistogram];
}

/** Values on the grid of the steps that were asked for, from its step `from` on; null where there is none, a text for NaN and +Inf. */
export interface ApiColumn {
  from: number;
  hasTexts?: boolean;
  values: (number | string | null)[];
}

export interface MatrixSeries {
  metric: Labels;
  values?: ApiPoint[];
  /** In place of `values` where columns were asked for. */
  column?: ApiColumn;
  histograms?: [number, ApiBucketHistogram][];
}

export type QueryResult =
  | { resultType: 'vector'; result: VectorSample[] }
  | { resultType: 'matrix'; result: MatrixSeries[] }
  | { resultType: 'scalar'; result: ApiPoint }
  | { resultType: 'string'; result: ApiPoint };

/** Single observations that were kept beside a series. */
export interface ApiExemplars {
  seriesLabels: Labels;
  exemplars: { labels: Labels; value: string; timestamp: number }[];
}

export type TargetHealth = 'up' | 'down' | 'unknown';

export interface ActiveTarget {
  discoveredLabels: Labels;
  labels: Labels;
  scrapePool: string;
  scrapeUrl: string;
  globalUrl: string;
  lastError: string;
  /** RFC 3339; Go's zero time when the target was never scraped. */
  lastScrape: string;
  lastScrapeDuration: number;
  health: TargetHealth;
  scrapeInterval: string;
  scrapeTimeout: string;
}

export interface TargetsAnswer {
  activeTargets: ActiveTarget[];
  droppedTargets: { discoveredLabels: Labels; scrapePool?: string }[] | null;
  droppedTargetCounts?: Record<string, number> | null;
}

/** A rule is `unknown` until it was evaluated once. */
export type AlertState = 'firing' | 'pending' | 'inactive' | 'unknown';

export interface Alert {
  labels: Labels;
  annotations: Labels;
  state: AlertState;
  activeAt?: string;
  value: string;
}

export interface AlertingRule {
  type: 'alerting';
  name: string;
  query: string;
  /** Seconds. */
  duration: number;
  keepFiringFor?: number;
  labels: Labels;
  annotations: Labels;
  alerts: Alert[];
  health: string;
  lastError?: string;
  evaluationTime: number;
  lastEvaluation: string;
  state: AlertState;
}

export interface RecordingRule {
  type: 'recording';
  name: string;
  query: string;
  labels?: Labels;
  health: string;
  lastError?: string;
  evaluationTime: number;
  lastEvaluation: string;
}

export type Rule = AlertingRule | RecordingRule;

export interface RuleGroup {
  name: string;
  file: string;
  rules: Rule[];
  /** Seconds. */
  interval: number;
  evaluationTime: number;
  lastEvaluation: string;
}

/** How many series something has now, how many of them are new, and their share of the head's memory. */
export interface SeriesCost {
  series: number;
  created: number;
  bytes: number;
}

export interface CardinalityAnswer {
  head: {
    series: number;
    created: number;
    /** What `created` counts back to. */
    windowSeconds: number;
    labelPairs: number;
    bytes: number;
    seriesLimit: number;
    /** 0: none. */
    bytesLimit: number;
    refusedBySeriesLimit: number;
    refusedByBytesLimit: number;
  };
  metrics: (SeriesCost & { metric: string })[];
  labelPairs: (SeriesCost & { name: string; value: string })[];
  targets: (SeriesCost & { job: string; instance: string })[];
  labels: { name: string; values: number; created: number; bytes: number }[];
}

export interface BuildInfo {
  version: string;
  revision?: string;
  goVersion?: string;
}

export interface NamedCount {
  name: string;
  value: number;
}

export interface TsdbStatus {
  headStats: { numSeries: number; numLabelPairs: number; chunkCount: number; minTime: number; maxTime: number };
  seriesCountByMetricName: NamedCount[];
  labelValueCountByLabelName: NamedCount[];
  memoryInBytesByLabelName: NamedCount[];
  seriesCountByLabelValuePair: NamedCount[];
}

export interface RelabelStep {
  rule: Record<string, string | number | string[]>;
  output: Labels;
  keep: boolean;
}
