/** Nodes and edges of a graph, read from frames, and places for the nodes. */
import type { DataFrame, Field } from '../grafana';
import { formattedValueToString, getFieldDisplayName } from '../grafana';

export interface GraphNode {
  id: string;
  title: string;
  subtitle: string;
  mainStat: string;
  secondaryStat: string;
  color: string | undefined;
  arcs: { color: string; share: number }[];
}

export interface GraphEdge {
  source: string;
  target: string;
  mainStat: string;
  secondaryStat: string;
}

export interface Graph {
  nodes: GraphNode[];
  edges: GraphEdge[];
  /** Nodes that found no room. */
  left: number;
}

const kNodesMax = 300;
const kEdgesMax = 3000;

function column(frame: DataFrame, name: string, frames: DataFrame[]): Field | undefined {
  return frame.fields.find((field) => field.name.toLowerCase() === name || getFieldDisplayName(field, frame, frames).toLowerCase() === name);
}

function text(field: Field | undefined, row: number): string {
  const value = field?.values[row] as unknown;
  if (field === undefined || value === null || value === undefined) return '';
  return field.display === undefined ? String(value) : formattedValueToString(field.display(value));
}

const kDefaultArc = '#73BF69';

/** A frame with `source` and `target` holds edges, one with `id` nodes. Ends of edges that no frame describes are nodes too. */
export function readGraph(frames: DataFrame[]): Graph {
  const nodes = new Map<string, GraphNode>();
  const edges = new Map<string, GraphEdge>();
  for (const frame of frames) {
    const of = (name: string) => column(frame, name, frames);
    const [id, source, target] = [of('id'), of('source'), of('target')];
    const [main, secondary] = [of('mainstat'), of('secondarystat')];
    if (source !== undefined && target !== undefined) {
      for (let row = 0; row < frame.length && edges.size < kEdgesMax; row++) {
        const [from, to] = [String(source.values[row] ?? ''), String(target.values[row] ?? '')];
        if (from !== '' && to !== '') edges.set(`${from}\n${to}`, { source: from, target: to, mainStat: text(main, row), secondaryStat: text(secondary, row) });
      }
      continue;
    }
    if (id === undefined) continue;
    const [title, subtitle, color] = [of('title'), of('subtitle'), of('color')];
    const arcs = frame.fields.filter((field) => field.name.startsWith('arc__'));
    for (let row = 0; row < frame.length; row++) {
      const key = String(id.values[row] ?? '');
      if (key === '' || nodes.has(key)) continue;
      const shade = color?.values[row] as unknown;
      nodes.set(key, {
        id: key, title: text(title, row) || key, subtitle: text(subtitle, row), mainStat: text(main, row), secondaryStat: text(secondary, row),
        color: typeof shade === 'string' && shade !== '' ? shade : undefined,
        arcs: arcs.map((field) => ({ color: field.config.color?.fixedColor ?? kDefaultArc, share: Math.min(1, Math.max(0, Number(field.values[row]) || 0)) })).filter(({ share }) => share > 0),
      });
    }
  }
  for (const { source, target } of edges.values()) {
    for (const end of [source, target]) {
      if (!nodes.has(end)) nodes.set(end, { id: end, title: end, subtitle: '', mainStat: '', secondaryStat: '', color: undefined, arcs: [] });
    }
  }
  const kept = [...nodes.values()].slice(0, kNodesMax);
  const known = new Set(kept.map((node) => node.id));
  return { nodes: kept, edges: [...edges.values()].filter((edge) => known.has(edge.source) && known.has(edge.target)), left: nodes.size - kept.length };
}

export interface Point {
  x: number;
  y: number;
}

const kTurns = 220;

/** Neighbours pull, all others push; starts on a spiral, so that the same graph always looks the same. Unit: one edge length. */
export function placeNodes({ nodes, edges }: Graph): Map<string, Point> {
  const points = nodes.map((_, index): Point => ({ x: Math.sqrt(index + 1) * Math.cos(index * 2.4), y: Math.sqrt(index + 1) * Math.sin(index * 2.4) }));
  const place = new Map(nodes.map((node, index) => [node.id, index]));
  const pulls = edges.flatMap(({ source, target }): [number, number][] => {
    const [a, b] = [place.get(source), place.get(target)];
    return a === undefined || b === undefined || a === b ? [] : [[a, b]];
  });
  for (let turn = 0; turn < kTurns; turn++) {
    const heat = 0.5 * (1 - turn / kTurns) + 0.01;
    const moves = points.map((): Point => ({ x: 0, y: 0 }));
    for (let a = 0; a < points.length; a++) {
      for (let b = a + 1; b < points.length; b++) {
        const [p, q, m, n] = [points[a], points[b], moves[a], moves[b]];
        if (p === undefined || q === undefined || m === undefined || n === undefined) continue;
        const [dx, dy] = [p.x - q.x || 0.01, p.y - q.y || 0.01];
        const push = 1 / Math.max(0.05, dx * dx + dy * dy);
        m.x += dx * push; m.y += dy * push;
        n.x -= dx * push; n.y -= dy * push;
      }
    }
    for (const [a, b] of pulls) {
      const [p, q, m, n] = [points[a], points[b], moves[a], moves[b]];
      if (p === undefined || q === undefined || m === undefined || n === undefined) continue;
      const [dx, dy] = [q.x - p.x, q.y - p.y];
      const pull = Math.hypot(dx, dy) * 0.5;
      m.x += dx * pull; m.y += dy * pull;
      n.x -= dx * pull; n.y -= dy * pull;
    }
    points.forEach((point, index) => {
      const move = moves[index] ?? { x: 0, y: 0 };
      move.x -= point.x * 0.08; // parts that hang together nowhere stay near each other
      move.y -= point.y * 0.08;
      const length = Math.hypot(move.x, move.y) || 1;
      point.x += (move.x / length) * Math.min(length, heat);
      point.y += (move.y / length) * Math.min(length, heat);
    });
  }
  return new Map(nodes.map((node, index) => [node.id, points[index] ?? { x: 0, y: 0 }]));
}
