/**
 * Panel types by the name that documents use. The common ones come with the dashboard, the others are loaded when a dashboard
 * has one. A type that is in neither list says on the page that it is not drawn, and where known why.
 */
import { memo } from 'react';
import { bargauge } from './bargauge';
import { gauge } from './gauge';
import { onNeed } from './onNeed';
import type { PanelKind } from './panel';
import { stat } from './stat';
import { table } from './table';
import { text } from './text';
import { timeseries } from './timeseries';

const stateTimeline: PanelKind = { Component: onNeed(() => import('./stateTimeline')), colorMode: 'continuous-GrYlRd', asks: true };
const barchart: PanelKind = { Component: onNeed(() => import('./barchart')), colorMode: 'palette-classic', asks: true };

/** Drawn anew only when something of what it is given changes. */
const remembering = ([type, kind]: [string, PanelKind]): [string, PanelKind] => [type, { ...kind, Component: memo(kind.Component) }];

export const panelKinds: ReadonlyMap<string, PanelKind> = new Map<string, PanelKind>(([
  ['bargauge', bargauge],
  ['gauge', gauge],
  ['stat', stat],
  ['table', table],
  ['text', text],
  ['timeseries', timeseries],
  ['heatmap', { Component: onNeed(() => import('./heatmap')), colorMode: 'thresholds', asks: true, takesHistograms: true }],
  ['piechart', { Component: onNeed(() => import('./piechart')), colorMode: 'palette-classic', asks: true }],
  ['state-timeline', stateTimeline],
  ['status-history', stateTimeline],
  ['barchart', barchart],
  ['histogram', barchart],
  ['nodeGraph', { Component: onNeed(() => import('./nodeGraph')), colorMode: 'thresholds', asks: true }],
  ['logs', { Component: onNeed(() => import('./logs')), colorMode: 'thresholds', asks: true }],
  ['alertlist', { Component: onNeed(() => import('./alertlist')), colorMode: 'thresholds', asks: false }],
  ['dashlist', { Component: onNeed(() => import('./dashlist')), colorMode: 'thresholds', asks: false }],
] satisfies [string, PanelKind][]).map(remembering));

/** Why a known type of Grafana's is not drawn. */
export const absentKinds: ReadonlyMap<string, string> = new Map([
  ['graph', 'It is an old graph whose horizontal axis is not time.'],
  ['news', 'It shows a feed from the internet, and this page asks no server but its own.'],
  ['welcome', 'It greets new users of Grafana.'],
  ['gettingstarted', 'It greets new users of Grafana.'],
  ['annolist', 'Lists of annotations are not supported; they are drawn along the time axis.'],
  ['canvas', 'Free drawings are not supported.'],
  ['geomap', 'Maps need tiles from another server.'],
  ['traces', 'Traces are not stored here yet.'],
  ['flamegraph', 'Profiles are not stored here.'],
]);
