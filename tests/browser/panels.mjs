// Dashboards made for tests: one panel of every type that is drawn, and many panels of the common ones.

const over = 'sum by (mode) (rate(cpu_seconds_total[$__rate_interval]))';
const now = [{ refId: 'A', expr: over, instant: true, legendFormat: '{{mode}}' }];
const range = [{ refId: 'A', expr: over, legendFormat: '{{mode}}' }];

/** Every type of panel, each with a title, the first with a description and a link. */
export function everyPanelType() {
  const kinds = [
    { type: 'timeseries', targets: range, description: 'What it is about', links: [{ title: 'Elsewhere', url: '/query' }] },
    { type: 'stat', targets: range },
    { type: 'gauge', targets: now },
    { type: 'bargauge', targets: now },
    { type: 'table', targets: now.map((target) => ({ ...target, format: 'table' })) },
    { type: 'heatmap', targets: [{ refId: 'A', expr: 'sum by (le) (rate(duration_bucket[5m]))', format: 'heatmap' }] },
    { type: 'piechart', targets: now },
    { type: 'state-timeline', targets: range },
    { type: 'status-history', targets: range },
    { type: 'barchart', targets: now.map((target) => ({ ...target, format: 'table' })) },
    { type: 'histogram', targets: range },
    { type: 'nodeGraph', targets: [{ refId: 'A', expr: 'traces_service_graph_connection_info{x="source"}', instant: true, format: 'table' }] },
    { type: 'logs', targets: now },
    { type: 'alertlist' },
    { type: 'dashlist' },
    { type: 'text', options: { mode: 'markdown', content: '# A heading\n\nSome **words** with [a link](https://example.com/).' } },
    { type: 'stat', targets: range, options: { colorMode: 'background' } },
    { type: 'table', targets: now.map((target) => ({ ...target, format: 'table' })), fieldConfig: { defaults: { custom: { cellOptions: { type: 'color-text' } } }, overrides: [{ matcher: { id: 'byName', options: 'Value' }, properties: [{ id: 'custom.cellOptions', value: { type: 'color-background' } }] }] } },
    { type: 'row' },
    { type: 'flamegraph' },
  ];
  return {
    title: 'Every type', uid: 'every', templating: { list: [{ name: 'host', type: 'custom', query: 'a,b', current: { value: 'a' } }] },
    annotations: { list: [{ name: 'Deploys', enable: true, iconColor: 'red', expr: 'changes(version[1m]) > 0' }] },
    links: [{ title: 'Elsewhere', type: 'link', url: '/targets' }, { title: 'Others', type: 'dashboards', tags: [] }],
    panels: kinds.map((kind, index) => ({ id: index + 1, title: `A ${kind.type}`, gridPos: { x: (index % 3) * 8, y: Math.floor(index / 3) * 8, w: 8, h: 8 }, ...kind })),
  };
}
