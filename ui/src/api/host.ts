/** What the server says of the machine that it runs on, and of who uses it. */
import { ApiError, call } from './client';
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

/** Undefined where the server watches no machine: one that only stands in for Prometheus. */
async function whereWatched<T>(ask: Promise<{ data: T }>): Promise<T | undefined> {
  try {
    return (await ask).data;
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return undefined;
    throw error;
  }
}

export function getMachineUse(limit: number, signal?: AbortSignal): Promise<MachineUse | undefined> {
  return whereWatched(call<MachineUse>(`${kOwnApi}/host/processes`, { limit }, signal));
}

export function getRecentHost(seconds: number, metrics: string[], signal?: AbortSignal): Promise<RecentHost | undefined> {
  return whereWatched(call<RecentHost>(`${kOwnApi}/host/recent`, { seconds, 'metric[]': metrics }, signal));
}
