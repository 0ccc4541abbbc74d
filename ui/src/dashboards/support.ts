/**
 * What a panel needs that the page lacks. Such a panel says so instead of showing a picture that leaves something out: a
 * transformation passed over or a query not asked would look like an answer.
 */
import { unknownMatchers, unknownTransformations } from '../grafana';
import { absentKinds, panelKinds } from '../panels/registry';
import { sourceReference } from './ask';
import { foreignDataSource } from './dataSources';
import type { Values } from './interpolate';
import type { Panel } from './model';
import { sourceOf } from './sources';
import type { DataSource } from './sources';

/** Why the panel is not drawn; undefined when it is. */
export function whyNotDrawn(panel: Panel): string | undefined {
  const kind = panelKinds.get(panel.type);
  if (kind === undefined) {
    if (panel.type === 'library panel') return 'It is a library panel, and the document does not bring its contents along.';
    return absentKinds.get(panel.type) ?? `Panel type “${panel.type}” is not supported.`;
  }
  if (!kind.asks) return undefined;
  if (panel.problem !== undefined) return panel.problem;
  for (const target of panel.targets) {
    if (target.hide) continue;
    const foreign = foreignDataSource(target.datasource?.type === undefined || target.datasource.type === '' ? (target.datasource ?? panel.datasource) : target.datasource);
    if (foreign === '__expr__') return 'It computes with the answers of other queries (a server-side expression), which is not supported; write it as one PromQL query.';
    if (foreign !== undefined) return `It asks a data source of type “${foreign}”, which this server does not have.`;
  }
  const steps = unknownTransformations(panel.transformations);
  if (steps.length > 0) return `It uses the transformation “${steps.join('”, “')}”, which is not supported.`;
  const matchers = unknownMatchers(panel.fieldConfig.overrides);
  if (matchers.length > 0) return `It has overrides by “${matchers.join('”, “')}”, which is not supported.`;
  return undefined;
}

/** What is not shown of a panel that is drawn, as sentences: its picture is right without it. */
export function whatIsLeftOut(panel: Panel, values: Values, sources: readonly DataSource[]): string[] {
  const withExemplars = panel.targets.filter((target) => target.exemplar && !target.hide && !(target.instant && !target.range));
  if (withExemplars.length === 0) return [];
  if (panel.type === 'heatmap') return ['Exemplars are not drawn on heatmaps.'];
  if (panelKinds.get(panel.type)?.takesExemplars !== true) return [];
  const asked = new Set(withExemplars.map((target) => sourceOf(sourceReference(target, panel), sources, values)));
  const elsewhere = [...asked].flatMap((source) => source?.tracesInSources ?? []);
  return [...new Set(elsewhere.map(({ label, uid }) => `The label “${label}” of exemplars does not lead to its trace: ways into a data source (“${uid}”) are not supported; give it a URL.`))];
}
