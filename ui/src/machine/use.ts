/** What the page of the machine makes of the server's answers. */
import type { GroupRow, MachineUse, NameRow, ProcessRow, RecentHost, RecentSeries, UsageNow } from '../api/host';
import { formatBytes } from '../status/costs';

export type By = 'processes' | 'names' | 'groups';
export type Sort = 'cpu' | 'memory' | 'io';

export interface Row extends UsageNow {
  key: string;
  name: string;
  /** Smaller, behind the name. */
  note: string;
  threads: number;
  ioKnown: boolean;
}

const kKinds: Record<string, string> = { service: 'service', scope: 'scope', container: 'container', machine: 'virtual machine', cgroup: 'control group' };

function ofProcess(row: ProcessRow): Row {
  const inside = row.group === undefined ? '' : ` in ${row.group.name}`;
  return { ...row, key: String(row.pid), note: `${row.pid}${inside}` };
}

function ofName(row: NameRow): Row {
  return { ...row, key: row.name, note: row.processes === 1 ? '1 process' : `${row.processes} processes`, ioKnown: true };
}

function ofGroup(row: GroupRow): Row {
  const id = row.id === '' || row.id === row.name ? '' : ` ${row.id}`;
  return { ...row, key: row.path, note: `${kKinds[row.kind] ?? row.kind}${id}`, ioKnown: true };
}

const amounts: Record<Sort, (row: UsageNow) => number> = {
  cpu: (row) => row.cpuCores,
  memory: (row) => row.memoryBytes,
  io: (row) => row.readBytesPerSecond + row.writtenBytesPerSecond,
};

/** The rows of a table, the greatest first; the answer holds the greatest of each order, so more than are shown. */
export function rowsOf(use: MachineUse, by: By, sort: Sort, limit: number): Row[] {
  const rows = by === 'processes' ? use.topProcesses.map(ofProcess) : by === 'names' ? use.topNames.map(ofName) : use.topGroups.map(ofGroup);
  const amount = amounts[sort];
  return rows.sort((a, b) => amount(b) - amount(a) || b.memoryBytes - a.memoryBytes || (a.name < b.name ? -1 : 1)).slice(0, limit);
}

/** Each row's share of the greatest, for the bars behind the names. */
export function sharesOf(rows: Row[], sort: Sort): number[] {
  const most = Math.max(0, ...rows.map(amounts[sort]));
  return rows.map((row) => (most > 0 ? amounts[sort](row) / most : 0));
}

/** 0.4213 → "42 %": of one core, as top does. */
export function formatCpu(cores: number): string {
  const percent = cores * 100;
  return percent === 0 ? '0 %' : `${percent < 9.95 ? percent.toFixed(1) : percent.toFixed(0)} %`;
}

export const formatRate = (bytesPerSecond: number) => (bytesPerSecond === 0 ? '0' : `${formatBytes(Math.round(bytesPerSecond))}/s`);

/** Ticks in bytes of one unit. */
export function formatByteTicks(ticks: number[]): string[] {
  return ticks.map((tick) => (tick === 0 ? '0' : formatBytes(tick)));
}

export interface RecentLine {
  name: string;
  values: (number | null)[];
}

const add = (a: number | null, b: number | null) => (a === null ? b : b === null ? a : a + b);

/** One line: the sum over all devices. */
export function sumOf(recent: RecentHost, metric: string, name: string): RecentLine | undefined {
  const found = recent.series.filter((series) => series.metric === metric);
  if (found.length === 0) return undefined;
  return { name, values: recent.timesMs.map((_, i) => found.reduce<number | null>((sum, series) => add(sum, series.values[i] ?? null), null)) };
}

const labelOf = (series: RecentSeries) => Object.values(series.labels)[0] ?? series.metric;

/** The lines of a metric, each named by its label. */
export function linesOf(recent: RecentHost, metric: string, without: string[] = []): RecentLine[] {
  return recent.series
    .filter((series) => series.metric === metric && !without.includes(labelOf(series)))
    .map((series) => ({ name: labelOf(series), values: series.values }));
}

export interface RecentChart {
  title: string;
  unit: 'percent' | 'bytes' | 'rate' | 'cores';
  stacked: boolean;
  lines: RecentLine[];
}

/** The charts of the last minutes, those without data left out. */
export function chartsOf(recent: RecentHost): RecentChart[] {
  const some = (lines: (RecentLine | undefined)[]) => lines.filter((line) => line !== undefined);
  const memory = linesOf(recent, 'memory_bytes', ['total', 'free', 'cached']);
  const charts: RecentChart[] = [
    { title: 'CPU', unit: 'percent', stacked: true, lines: linesOf(recent, 'cpu', ['idle']) },
    { title: 'Processes with most CPU', unit: 'cores', stacked: false, lines: linesOf(recent, 'process_cpu') },
    { title: 'Memory', unit: 'bytes', stacked: false, lines: memory },
    { title: 'Disks', unit: 'rate', stacked: false, lines: some([sumOf(recent, 'disk_read_bytes', 'read'), sumOf(recent, 'disk_written_bytes', 'written')]) },
    { title: 'Network', unit: 'rate', stacked: false, lines: some([sumOf(recent, 'network_received_bytes', 'received'), sumOf(recent, 'network_sent_bytes', 'sent')]) },
    { title: 'Waiting for CPU, disks and memory', unit: 'percent', stacked: false, lines: linesOf(recent, 'pressure') },
  ];
  return charts.filter((chart) => chart.lines.length > 0);
}
