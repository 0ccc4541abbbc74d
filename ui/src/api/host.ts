/** What the server says of the machine that it runs on, and of who uses it. */
import { call } from './client';
import { kOwnApi } from './prometheus';

export interface UsageNow {
  cpuCores: number;
  memoryBytes: number;
  readBytesPerSecond: number;
  writtenBytesPerSecond: number;
}

export interface GroupIdentity {
  /** service, scope, container, machine or cgroup. */
  kind: string;
  name: string;
  id: string;
  pod: string;
}

export interface ProcessRow extends UsageNow {
  pid: number;
  name: string;
  threads: number;
  ioKnown: boolean;
  group?: GroupIdentity;
}

export interface NameRow extends UsageNow {
  name: string;
  processes: number;
  threads: number;
}

export interface GroupRow extends UsageNow, GroupIdentity {
  path: string;
  threads: number;
}

export interface MachineUse {
  timeMs: number;
  cpus: number;
  intervalSeconds: number;
  ioIntervalSeconds: number;
  processes: number;
  threads: number;
  processesOverlooked: number;
  ioDenied: number;
  topProcesses: ProcessRow[];
  topNames: NameRow[];
  groupIntervalSeconds: number;
  groups: number;
  groupsOverlooked: number;
  topGroups: GroupRow[];
}

export interface RecentSeries {
  metric: string;
  labels: Record<string, string>;
  values: (number | null)[];
}

export interface RecentHost {
  resolutionSeconds: number;
  keptSeconds: number;
  timesMs: number[];
  series: RecentSeries[];
}

let watched: Promise<boolean> | undefined;

/** Whether the server watches a machine; one that only stands in for Prometheus does not. Asked once, until there is an answer. */
function isWatched(): Promise<boolean> {
  watched ??= call<{ sextant?: { host_watch?: boolean } } | null>(`${kOwnApi}/features`).then(
    ({ data }) => data?.sextant?.host_watch === true,
    (error: unknown) => {
      watched = undefined;
      throw error;
    },
  );
  return watched;
}

/** Undefined where the server watches no machine. */
async function whereWatched<T>(ask: () => Promise<{ data: T }>): Promise<T | undefined> {
  return (await isWatched()) ? (await ask()).data : undefined;
}

export function getMachineUse(limit: number, signal?: AbortSignal): Promise<MachineUse | undefined> {
  return whereWatched(() => call<MachineUse>(`${kOwnApi}/host/processes`, { limit }, signal));
}

export function getRecentHost(seconds: number, metrics: string[], signal?: AbortSignal): Promise<RecentHost | undefined> {
  return whereWatched(() => call<RecentHost>(`${kOwnApi}/host/recent`, { seconds, 'metric[]': metrics }, signal));
}
