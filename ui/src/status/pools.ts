/** Targets as the page shows them: grouped by scrape pool, filtered, counted. */
import type { ActiveTarget, TargetHealth } from '../api/types';

export interface Pool {
  name: string;
  targets: ActiveTarget[];
  up: number;
  total: number;
}

export type HealthFilter = 'all' | TargetHealth;

export function countHealth(targets: ActiveTarget[]): Record<HealthFilter, number> {
  const counts = { all: targets.length, up: 0, down: 0, unknown: 0 };
  for (const { health } of targets) counts[health]++;
  return counts;
}

/** Every word of the search must occur in the address, the pool, a label or the error. */
export function matchesSearch(target: ActiveTarget, search: string): boolean {
  const words = search.toLowerCase().split(/\s+/).filter((word) => word !== '');
  if (words.length === 0) return true;
  const labels = Object.entries(target.labels).map(([name, value]) => `${name}=${value}`);
  const text = [target.scrapeUrl, target.scrapePool, target.lastError, ...labels].join('\n').toLowerCase();
  return words.every((word) => text.includes(word));
}

/** Pools in order of name; inside a pool the ones that are down come first. */
export function groupPools(targets: ActiveTarget[], health: HealthFilter, search: string): Pool[] {
  const pools = new Map<string, Pool>();
  for (const target of targets) {
    const pool = pools.get(target.scrapePool) ?? { name: target.scrapePool, targets: [], up: 0, total: 0 };
    pools.set(target.scrapePool, pool);
    pool.total++;
    if (target.health === 'up') pool.up++;
    if ((health === 'all' || target.health === health) && matchesSearch(target, search)) pool.targets.push(target);
  }
  const rank: Record<TargetHealth, number> = { down: 0, unknown: 1, up: 2 };
  const shown = [...pools.values()].filter((pool) => pool.targets.length > 0);
  for (const pool of shown) pool.targets.sort((a, b) => rank[a.health] - rank[b.health] || a.scrapeUrl.localeCompare(b.scrapeUrl));
  return shown.sort((a, b) => a.name.localeCompare(b.name));
}

/** The list item of `scrape_configs` for one job, cut out of the configuration's text with its indentation removed. */
export function cutScrapeConfig(yaml: string, job: string): string | undefined {
  const lines = yaml.split('\n');
  const start = lines.findIndex((line) => /^\s*- job_name:\s*/.test(line) && line.replace(/^\s*- job_name:\s*/, '').replace(/^["']|["']\s*$/g, '').trim() === job);
  if (start < 0) return undefined;
  const indent = (lines[start] ?? '').search(/\S/);
  let end = start + 1;
  while (end < lines.length && (lines[end] ?? '').trim() !== '' && (lines[end] ?? '').search(/\S/) > indent) end++;
  return lines.slice(start, end).map((line) => line.slice(indent)).join('\n');
}
