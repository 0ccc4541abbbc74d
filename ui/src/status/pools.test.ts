import { expect, test } from 'vitest';
import type { ActiveTarget } from '../api/types';
import { countHealth, cutScrapeConfig, groupPools } from './pools';

const target = (scrapePool: string, scrapeUrl: string, health: ActiveTarget['health'], labels = {}): ActiveTarget => ({
  discoveredLabels: {}, labels, scrapePool, scrapeUrl, globalUrl: scrapeUrl, lastError: health === 'down' ? 'connection refused' : '', lastScrape: '', lastScrapeDuration: 0,
  health, scrapeInterval: '15s', scrapeTimeout: '10s',
});
const targets = [target('b', 'http://2', 'up', { job: 'b' }), target('b', 'http://1', 'down', { job: 'b' }), target('a', 'http://3', 'unknown', { zone: 'north' })];

test('pools by name, what is down first', () => {
  const pools = groupPools(targets, 'all', '');
  expect(pools.map((pool) => pool.name)).toEqual(['a', 'b']);
  expect(pools[1]?.targets.map((one) => one.health)).toEqual(['down', 'up']);
  expect([pools[1]?.up, pools[1]?.total]).toEqual([1, 2]);
});

test('filters hide targets and leave the counts of their pool', () => {
  expect(groupPools(targets, 'down', '')).toMatchObject([{ name: 'b', up: 1, total: 2 }]);
  expect(groupPools(targets, 'all', 'REFUSED job=b')).toHaveLength(1);
  expect(groupPools(targets, 'all', 'zone=north')[0]?.name).toBe('a');
  expect(groupPools(targets, 'all', 'nothing')).toEqual([]);
  expect(countHealth(targets)).toEqual({ all: 3, up: 1, down: 1, unknown: 1 });
});

test('a job is cut out of the configuration', () => {
  const yaml = 'global:\n  scrape_interval: 5s\nscrape_configs:\n- job_name: one\n  static_configs:\n  - targets:\n    - a:1\n- job_name: "two"\n  scheme: http\n';
  expect(cutScrapeConfig(yaml, 'one')).toBe('- job_name: one\n  static_configs:\n  - targets:\n    - a:1');
  expect(cutScrapeConfig(yaml, 'two')).toBe('- job_name: "two"\n  scheme: http');
  expect(cutScrapeConfig(yaml, 'three')).toBeUndefined();
});
