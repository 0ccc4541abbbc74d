/** Histograms over time as a heatmap: buckets with a series each, or native histograms. */
import { useMemo } from 'react';
import type { QueryResult } from '../api/types';
import { useScheme } from '../app/theme';
import { toFrames } from '../dashboards/frames';
import { loadDashboard } from '../dashboards/load';
import { grafanaTheme, prepareFrames } from '../grafana';
import HeatmapPanel from '../panels/heatmap';
import type { RangeResult } from './ResultGraph';
import css from './ResultGraph.module.css';

const asIs = (text: string) => text;

export default function ResultHeatmap({ label, result, onZoom }: { label: string; result: RangeResult; onZoom: (fromMs: number, toMs: number) => void }) {
  const theme = grafanaTheme(useScheme());
  const panel = useMemo(() => loadDashboard({ panels: [{ id: 1, type: 'heatmap', title: `Heatmap of ${label}`, targets: [{ refId: 'A', expr: label, format: 'heatmap', legendFormat: '{{le}}' }] }] }).panels[0], [label]);
  const frames = useMemo(() => {
    const target = panel?.targets[0];
    if (panel === undefined || target === undefined) return [];
    const data: QueryResult = { resultType: 'matrix', result: result.series };
    return prepareFrames(toFrames(data, target, label, result, false), { ...panel.fieldConfig, colorMode: 'thresholds' }, theme, false, asIs);
  }, [panel, result, theme]);
  if (panel === undefined) return null;
  return <div className={css.heatmap}><HeatmapPanel panel={panel} frames={frames} theme={theme} range={{ fromMs: result.startMs, toMs: result.endMs }} utc={false} syncKey="query" onZoom={onZoom} replace={asIs} marks={[]} exemplars={[]} /></div>;
}
