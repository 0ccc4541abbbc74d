/** The calls of Prometheus' HTTP API that the pages make. Times are milliseconds here and seconds on the wire. */
import { call } from './client';
import type { Answer } from './client';
import type { Explanation } from '../explore/explain';
import type { Alert, ApiExemplars, BuildInfo, CardinalityAnswer, Labels, MatrixSeries, QueryResult, RelabelStep, RuleGroup, TargetsAnswer, TsdbStatus } from './types';

/** This server's own; the calls that take another may be sent to any server that speaks Prometheus. */
export const kOwnApi = '/api/v1';

const kApi = kOwnApi;
const seconds = (ms: number) => ms / 1000;

export function queryInstant(query: string, timeMs: number, signal?: AbortSignal, api = kOwnApi): Promise<Answer<QueryResult>> {
  return call(`${api}/query`, { query, time: seconds(timeMs) }, signal);
}

export interface RangeRequest {
  query: string;
  startMs: number;
  endMs: number;
  stepMs: number;
}

export function queryRange(
  { query, startMs, endMs, stepMs }: RangeRequest,
  signal?: AbortSignal,
  api = kOwnApi,
): Promise<Answer<{ resultType: 'matrix'; result: MatrixSeries[] }>> {
  const parameters = { query, start: seconds(startMs), end: seconds(endMs), step: seconds(stepMs) };
  return call(`${api}/query_range`, parameters, signal);
}

export interface LabelRequest {
  match?: string[];
  startMs: number;
  endMs: number;
}

function labelParameters({ match, startMs, endMs }: LabelRequest) {
  return { 'match[]': match, start: seconds(startMs), end: seconds(endMs) };
}

export async function getLabelNames(request: LabelRequest, signal?: AbortSignal, api = kOwnApi): Promise<string[]> {
  return (await call<string[]>(`${api}/labels`, labelParameters(request), signal)).data;
}

export async function getLabelValues(label: string, request: LabelRequest, signal?: AbortSignal, api = kOwnApi): Promise<string[]> {
  return (await call<string[]>(`${api}/label/${encodeURIComponent(label)}/values`, labelParameters(request), signal)).data;
}

export async function getSeries(request: LabelRequest, signal?: AbortSignal, api = kOwnApi): Promise<Labels[]> {
  return (await call<Labels[]>(`${api}/series`, labelParameters(request), signal)).data;
}

export interface Metadata {
  type: string;
  unit: string;
  help: string;
}

/** What is known of each metric, by its family's name. */
export async function getMetadata(signal?: AbortSignal): Promise<Map<string, Metadata>> {
  const { data } = await call<Record<string, Metadata[]>>(`${kApi}/metadata`, { limit_per_metric: 1 }, signal);
  return new Map(Object.entries(data).flatMap(([name, [first]]) => (first === undefined ? [] : [[name, first]])));
}

export interface Exemplar {
  seriesLabels: Labels;
  labels: Labels;
  value: number;
  timeMs: number;
}

/** Single observations that were kept beside the series that an expression selects. */
export async function getExemplars(query: string, startMs: number, endMs: number, signal?: AbortSignal, api = kOwnApi): Promise<Exemplar[]> {
  return readExemplars((await call<ApiExemplars[]>(`${api}/query_exemplars`, { query, start: seconds(startMs), end: seconds(endMs) }, signal)).data);
}

export function readExemplars(answer: readonly ApiExemplars[]): Exemplar[] {
  return answer.flatMap(({ seriesLabels, exemplars }) => exemplars.map(({ labels, value, timestamp }) => ({ seriesLabels, labels, value: Number(value), timeMs: timestamp * 1000 })));
}

/** Something that the server has to say of itself, such as that its configuration could not be read. */
export interface ServerNotice {
  text: string;
  date: string;
  active: boolean;
}

export async function getServerNotices(signal?: AbortSignal): Promise<ServerNotice[]> {
  return (await call<ServerNotice[]>(`${kApi}/notifications`, {}, signal)).data;
}

export async function getTargets(signal?: AbortSignal): Promise<TargetsAnswer> {
  return (await call<TargetsAnswer>(`${kApi}/targets`, {}, signal)).data;
}

/** What a target answers now. */
export interface TargetBody {
  /** Of HTTP; 0 where there was no answer, or the target is inside the server. */
  status: number;
  contentType: string;
  /** Not empty where the target compressed its answer unasked. */
  contentEncoding: string;
  receivedBytes: number;
  durationSeconds: number;
  isText: boolean;
  /** Its beginning. */
  body: string;
  error: string;
}

export async function getTargetBody(scrapePool: string, target: string, signal?: AbortSignal): Promise<TargetBody> {
  return (await call<TargetBody>(`${kApi}/targets/body`, { scrapePool, target }, signal)).data;
}

export async function getRuleGroups(signal?: AbortSignal): Promise<RuleGroup[]> {
  return (await call<{ groups: RuleGroup[] }>(`${kApi}/rules`, {}, signal)).data.groups;
}

export async function getAlerts(signal?: AbortSignal): Promise<Alert[]> {
  return (await call<{ alerts: Alert[] }>(`${kApi}/alerts`, {}, signal)).data.alerts;
}

export async function getBuildInfo(signal?: AbortSignal): Promise<BuildInfo> {
  return (await call<BuildInfo>(`${kApi}/status/buildinfo`, {}, signal)).data;
}

/** What costs most: the `limit` first of each kind, by their series now or by those that are new. */
export async function getCardinality(sort: 'series' | 'created', limit: number, signal?: AbortSignal): Promise<CardinalityAnswer> {
  return (await call<CardinalityAnswer>(`${kApi}/status/cardinality`, { sort, limit }, signal)).data;
}

/** Runs a query and says what each part of it took; without a range, at this moment. */
export async function explainQuery(query: string, range: Omit<RangeRequest, 'query'> | undefined, signal?: AbortSignal): Promise<Explanation> {
  const times = range === undefined ? {} : { start: seconds(range.startMs), end: seconds(range.endMs), step: seconds(range.stepMs) };
  return (await call<Explanation>(`${kApi}/explain`, { query, ...times }, signal)).data;
}

/** The configuration the server runs with, as YAML. */
export async function getConfigText(signal?: AbortSignal): Promise<string> {
  return (await call<{ yaml: string }>(`${kApi}/status/config`, {}, signal)).data.yaml;
}

export async function getRuntimeInfo(signal?: AbortSignal): Promise<Record<string, string | number | boolean>> {
  return (await call<Record<string, string | number | boolean>>(`${kApi}/status/runtimeinfo`, {}, signal)).data;
}

export async function getFlags(signal?: AbortSignal): Promise<Record<string, string>> {
  return (await call<Record<string, string>>(`${kApi}/status/flags`, {}, signal)).data;
}

export async function getTsdbStatus(limit: number, signal?: AbortSignal): Promise<TsdbStatus> {
  return (await call<TsdbStatus>(`${kApi}/status/tsdb`, { limit }, signal)).data;
}

export async function getAlertmanagers(signal?: AbortSignal): Promise<{ activeAlertmanagers: { url: string }[]; droppedAlertmanagers: { url: string }[] }> {
  return (await call<{ activeAlertmanagers: { url: string }[]; droppedAlertmanagers: { url: string }[] }>(`${kApi}/alertmanagers`, {}, signal)).data;
}

export async function getScrapePools(signal?: AbortSignal): Promise<string[]> {
  return (await call<{ scrapePools: string[] }>(`${kApi}/scrape_pools`, {}, signal)).data.scrapePools;
}

/** Targets of one pool, the dropped ones too. */
export async function getPoolTargets(scrapePool: string, signal?: AbortSignal): Promise<TargetsAnswer> {
  return (await call<TargetsAnswer>(`${kApi}/targets`, { scrapePool }, signal)).data;
}

/** What each relabelling rule of a pool makes of the labels that discovery found. */
export async function getRelabelSteps(scrapePool: string, labels: Labels, signal?: AbortSignal): Promise<RelabelStep[]> {
  return (await call<{ steps: RelabelStep[] }>(`${kApi}/targets/relabel_steps`, { scrapePool, labels: JSON.stringify(labels) }, signal)).data.steps;
}
