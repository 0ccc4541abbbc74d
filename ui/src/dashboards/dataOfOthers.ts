/**
 * Panels that show the data of another panel of the dashboard. They ask what it asks, as it asks it: of the same range with
 * the same steps, and where they say so with its transformations before their own.
 */
import { kDashboardSource } from './dataSources';
import { pointsOf } from './layout';
import type { Panel, Target } from './model';

const isOfPanel = (target: Target, panel: Panel) => !target.hide && (target.datasource?.uid || panel.datasource?.uid) === kDashboardSource;

function resolved(panel: Panel, panels: ReadonlyMap<number, Panel>): Panel {
  const [target, ...others] = panel.targets.filter((one) => isOfPanel(one, panel));
  if (target === undefined) return panel;
  const refused = (problem: string): Panel => ({ ...panel, problem });
  if (others.length > 0 || panel.targets.some((one) => !one.hide && one !== target)) return refused('It shows the data of another panel beside that of other queries, which is not supported.');
  if (target.ofPanel === undefined) return refused('It shows the data of another panel, and does not say which.');
  const { id, transformed, onlyAnnotations } = target.ofPanel;
  if (onlyAnnotations) return refused('It shows the annotations of another panel as data, which is not supported.');
  const from = panels.get(id);
  if (from === undefined) return refused(`It shows the data of panel ${id}, which the dashboard does not have.`);
  if (from.targets.some((one) => isOfPanel(one, from))) return refused(`It shows the data of panel ${id}, which shows that of another itself.`);
  const { targets, datasource, interval, timeFrom, timeShift } = from;
  return {
    ...panel, targets, datasource, interval, timeFrom, timeShift, maxDataPoints: from.maxDataPoints ?? pointsOf(from),
    transformations: transformed ? [...from.transformations, ...panel.transformations] : panel.transformations,
  };
}

export function withDataOfOthers(panels: readonly Panel[]): Panel[] {
  const byId = new Map(panels.flatMap((panel) => [panel, ...panel.panels]).map((panel) => [panel.id, panel]));
  const all = (list: readonly Panel[]): Panel[] => list.map((panel) => resolved(panel.panels.length === 0 ? panel : { ...panel, panels: all(panel.panels) }, byId));
  return all(panels);
}
