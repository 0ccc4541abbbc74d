import { describe, expect, test } from 'vitest';
import type { MachineUse, RecentHost } from '../api/host';
import { chartsOf, formatCpu, formatRate, rowsOf, sharesOf, sumOf } from './use';

const row = (name: string, cpuCores: number, memoryBytes: number, written = 0) => ({
  name, threads: 1, cpuCores, memoryBytes, readBytesPerSecond: 0, writtenBytesPerSecond: written,
});

const use: MachineUse = {
  timeMs: 0, cpus: 2, intervalSeconds: 1, ioIntervalSeconds: 2, processes: 3, threads: 3, processesOverlooked: 0, ioDenied: 0,
  topProcesses: [
    { ...row('web', 0.5, 10), pid: 7, ioKnown: true, group: { kind: 'service', name: 'web.service', id: '', pod: '' } },
    { ...row('db', 0.1, 90, 5), pid: 8, ioKnown: false },
  ],
  topNames: [{ ...row('web', 0.5, 10), processes: 4 }, { ...row('one', 0, 1), processes: 1 }],
  groupIntervalSeconds: 1, groups: 2, groupsOverlooked: 0,
  topGroups: [
    { ...row('shop', 0.2, 5), kind: 'container', id: '0123456789ab', pod: '', path: '/docker/0123' },
    { ...row('deadbeef0000', 0.3, 5), kind: 'container', id: 'deadbeef0000', pod: '', path: '/docker/dead' },
  ],
};

describe('who uses the machine', () => {
  test('rows come in the order that was chosen, as many as were asked for', () => {
    expect(rowsOf(use, 'processes', 'cpu', 10).map((one) => one.name)).toEqual(['web', 'db']);
    expect(rowsOf(use, 'processes', 'memory', 10).map((one) => one.name)).toEqual(['db', 'web']);
    expect(rowsOf(use, 'processes', 'io', 1).map((one) => one.name)).toEqual(['db']);
  });

  test('a note tells rows of the same name apart', () => {
    expect(rowsOf(use, 'processes', 'cpu', 10).map((one) => one.note)).toEqual(['7 in web.service', '8']);
    expect(rowsOf(use, 'names', 'cpu', 10).map((one) => one.note)).toEqual(['4 processes', '1 process']);
    expect(rowsOf(use, 'groups', 'cpu', 10).map((one) => one.note)).toEqual(['container', 'container 0123456789ab']);
  });

  test('bars are shares of the greatest, none where nothing is used', () => {
    expect(sharesOf(rowsOf(use, 'processes', 'cpu', 10), 'cpu')).toEqual([1, 0.2]);
    expect(sharesOf(rowsOf(use, 'names', 'io', 10), 'io')).toEqual([0, 0]);
  });

  test('numbers are for reading', () => {
    expect(formatCpu(0)).toBe('0 %');
    expect(formatCpu(0.0213)).toBe('2.1 %');
    expect(formatCpu(1.5)).toBe('150 %');
    expect(formatRate(0)).toBe('0');
    expect(formatRate(1536.4)).toBe('1.5 KiB/s');
  });
});

const recent: RecentHost = {
  resolutionSeconds: 1, keptSeconds: 3600, timesMs: [1000, 2000],
  series: [
    { metric: 'cpu', labels: { mode: 'user' }, values: [0.1, 0.2] },
    { metric: 'cpu', labels: { mode: 'idle' }, values: [0.9, 0.8] },
    { metric: 'disk_read_bytes', labels: { device: 'sda' }, values: [1, null] },
    { metric: 'disk_read_bytes', labels: { device: 'sdb' }, values: [2, null] },
  ],
};

describe('the last minutes', () => {
  test('devices add up, and nothing is not 0', () => {
    expect(sumOf(recent, 'disk_read_bytes', 'read')).toEqual({ name: 'read', values: [3, null] });
    expect(sumOf(recent, 'disk_written_bytes', 'written')).toBeUndefined();
  });

  test('charts without data are left out, and idle time is none', () => {
    const charts = chartsOf(recent);
    expect(charts.map((chart) => chart.title)).toEqual(['CPU', 'Disks']);
    expect(charts[0]?.lines.map((line) => line.name)).toEqual(['user']);
  });
});
