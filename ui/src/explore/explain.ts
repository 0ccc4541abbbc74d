/** What the page of explanations shows of a plan: rows of a tree, with each node's share of the time. */

export interface PlanNode {
  kind: string;
  name: string;
  text: string;
  stepInvariant: boolean;
  series: number;
  points: number;
  samples: number;
  bytes: number;
  seconds: number;
  selfSeconds: number;
  operands: PlanNode[];
}

export interface Explanation {
  query: string;
  resultType: string;
  resultSeries: number;
  steps: number;
  peakBytes: number;
  stats: {
    timings: { execQueueTime: number; queryPreparationTime: number; evalTotalTime: number; execTotalTime: number };
    samples: { totalQueryableSamples: number; peakSamples: number };
  };
  selections: { selector: string; series: number; start: number; end: number }[];
  plan: PlanNode;
}

export interface PlanRow {
  key: string;
  depth: number;
  node: PlanNode;
  /** Of the whole query's time, what the node alone took, 0 to 1. */
  share: number;
  /** The one that took most by itself. */
  slowest: boolean;
}

/** The tree, parents before their operands. Literals say nothing and are left out. */
export function planRows(plan: PlanNode): PlanRow[] {
  const rows: PlanRow[] = [];
  const total = plan.seconds > 0 ? plan.seconds : 1;
  const visit = (node: PlanNode, depth: number, key: string) => {
    if (depth > 0 && (node.kind === 'number' || node.kind === 'string')) return;
    rows.push({ key, depth, node, share: Math.min(1, node.selfSeconds / total), slowest: false });
    node.operands.forEach((operand, i) => visit(operand, depth + 1, `${key}.${i}`));
  };
  visit(plan, 0, '0');
  const slowest = rows.reduce((a, b) => (b.node.selfSeconds > a.node.selfSeconds ? b : a));
  slowest.slowest = rows.length > 1;
  return rows;
}

/** 0.0000123 → "12 µs" */
export function formatSeconds(seconds: number): string {
  if (seconds >= 10) return `${seconds.toFixed(0)} s`;
  if (seconds >= 1) return `${seconds.toFixed(2)} s`;
  if (seconds >= 0.001) return `${(seconds * 1e3).toFixed(seconds >= 0.01 ? 0 : 1)} ms`;
  return `${Math.round(seconds * 1e6)} µs`;
}

/** What a node is, in a word or two: "sum", "rate()", "range". */
export function nodeTitle({ kind, name }: PlanNode): string {
  if (kind === 'function') return `${name}()`;
  return name === '' ? kind : name;
}

export interface ExplainState {
  expr: string;
  range: boolean;
}

export function explainAddress(expr: string, range: boolean): string {
  return `/explain?${new URLSearchParams({ expr, ...(range ? { range: '1' } : {}) })}`;
}

export function readExplainState(search: string): ExplainState {
  const parameters = new URLSearchParams(search);
  return { expr: parameters.get('expr') ?? '', range: parameters.get('range') === '1' };
}
