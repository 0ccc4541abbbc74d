/** Every dashboard of the conformance folders through load, migrate, repeat, layout and the checks of what can be drawn. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { prepareFrames, transformFrames, grafanaTheme } from '../grafana';
import { panelKinds } from '../panels/registry';
import { prepareTarget } from './ask';
import { toFrames } from './frames';
import { builtins } from './interpolate';
import { flattenRows } from './layout';
import { loadDashboard } from './load';
import type { Dashboard, Panel } from './model';
import { repeatAll } from './repeat';
import { whyNotDrawn } from './support';
import { unresolved, valueOf } from './variables';

const conformance = process.env['SEXTANT_CONFORMANCE_DIR'] ?? join(import.meta.dirname, '../../../../shared/conformance');
const range = { fromMs: 1_700_000_000_000, toMs: 1_700_003_600_000 };

function filesIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory())
    .flatMap((entry) => readdirSync(join(folder, entry.name)).filter((name) => name.endsWith('.json')).map((name) => join(folder, entry.name, name))).sort();
}

const dashboards = filesIn(join(conformance, 'dashboards'));
const article = filesIn(join(conformance, 'alerting/article')).filter((path) => /\/dashboards-[a-z]+\//.test(path));

function panelsOf(dashboard: Dashboard): Panel[] {
  const values = new Map([...unresolved(dashboard.variables).map((one) => [one.variable.name, valueOf(one)] as const), ...builtins(range.fromMs, range.toMs)]);
  return flattenRows(repeatAll(dashboard.panels, values), () => false).filter((panel) => panel.type !== 'row');
}

/** One made-up series per query, through everything that a real answer goes through. */
async function prepared(panel: Panel): Promise<number> {
  const values = new Map(builtins(range.fromMs, range.toMs));
  const targets = panel.targets.filter((target) => !target.hide && target.expr.trim() !== '');
  const frames = targets.flatMap((target) => {
    const { expr, stepMs } = prepareTarget(target, panel, range, 100, values);
    expect(expr).not.toMatch(/\$__(rate_)?interval|\$__range/);
    const metric = { __name__: 'made_up', instance: 'a:1', le: '1', id: 'a', source: 'a', target: 'b' };
    const step = { startMs: range.fromMs, endMs: range.toMs, stepMs };
    return target.instant && panel.type === 'table'
      ? toFrames({ resultType: 'vector', result: [{ metric, value: [range.toMs / 1000, '1'] }] }, target, expr, step, targets.length > 1)
      : toFrames({ resultType: 'matrix', result: [{ metric, values: [[range.fromMs / 1000, '1'], [(range.fromMs + stepMs) / 1000, '2']] }] }, target, expr, step, targets.length > 1);
  });
  const transformed = await transformFrames(panel.transformations.filter((step) => step.disabled !== true), frames, (text) => text);
  const kind = panelKinds.get(panel.type);
  return prepareFrames(transformed, { ...panel.fieldConfig, colorMode: kind?.colorMode ?? 'thresholds' }, grafanaTheme('dark'), true, (text) => text).length;
}

const named = ['timeseries', 'stat', 'gauge', 'bargauge', 'table', 'heatmap', 'piechart', 'state-timeline', 'text', 'logs', 'nodeGraph', 'alertlist'];

describe.each([['dashboards', dashboards, 69], ['the reference deployment', article, 33]] as const)('%s', (_name, files, count) => {
  test.skipIf(files.length === 0)('every panel is drawn, or says why not', async () => {
    expect(files).toHaveLength(count);
    const drawn = new Map<string, number>();
    const refused: string[] = [];
    for (const path of files) {
      const dashboard = loadDashboard(JSON.parse(readFileSync(path, 'utf8')));
      for (const panel of panelsOf(dashboard)) {
        const why = whyNotDrawn(panel);
        if (why === undefined) {
          drawn.set(panel.type, (drawn.get(panel.type) ?? 0) + 1);
          if (panelKinds.get(panel.type)?.asks === true) await prepared(panel);
        } else {
          refused.push(`${path.slice(conformance.length + 1)}: ${panel.type} “${panel.title}”: ${why}`);
        }
      }
    }
    const total = [...drawn.values()].reduce((sum, one) => sum + one, 0);
    console.info(`${total} panels drawn (${[...drawn].map(([type, number]) => `${type} ${number}`).join(', ')}), ${refused.length} refused\n${refused.join('\n')}`);
    expect(total).toBeGreaterThan(0);
    // Only those that ask a source this server is none of, and those whose contents are elsewhere.
    expect(refused.filter((line) => !/library panel|exotic-tsdb/.test(line))).toEqual([]);
    expect(named.filter((type) => !panelKinds.has(type))).toEqual([]);
  }, 120_000);
});
