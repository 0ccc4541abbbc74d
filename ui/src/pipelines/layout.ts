/** Where the parts of a pipeline stand: columns by how many edges lie before a part, rows in the order of the edges. */
import type { Edge } from '../api/pipelines';

/** What stands between the receivers and the first part, which the edges leave unnamed on either side. */
export const kEntry = 'entry';

export interface Place {
  name: string;
  column: number;
  row: number;
}

export interface Placed {
  places: Place[];
  /** In the order that items pass them. */
  edges: (Edge & { source: Place; target: Place })[];
  columns: number;
  rows: number;
}

const nameOf = (part: string) => (part === '' ? kEntry : part);

export function placeParts(edges: Edge[]): Placed {
  const columns = new Map<string, number>();
  for (const { from, to } of edges) for (const name of [nameOf(from), nameOf(to)]) columns.set(name, 0);
  // As often as there are parts: edges that run in a circle, which a collector refuses, end all the same.
  for (let turn = 0; turn < columns.size; turn++) {
    let moved = false;
    for (const { from, to } of edges) {
      const column = Math.min(columns.size, (columns.get(nameOf(from)) ?? 0) + 1);
      if (column <= (columns.get(nameOf(to)) ?? 0)) continue;
      columns.set(nameOf(to), column);
      moved = true;
    }
    if (!moved) break;
  }
  const rows = new Map<number, number>();
  const places = new Map<string, Place>();
  for (const [name, column] of columns) {
    const row = rows.get(column) ?? 0;
    rows.set(column, row + 1);
    places.set(name, { name, column, row });
  }
  const placed = edges.flatMap((edge) => {
    const [source, target] = [places.get(nameOf(edge.from)), places.get(nameOf(edge.to))];
    return source === undefined || target === undefined ? [] : [{ ...edge, source, target }];
  });
  placed.sort((a, b) => a.source.column - b.source.column || a.source.row - b.source.row || a.target.row - b.target.row);
  return { places: [...places.values()], edges: placed, columns: Math.max(0, ...columns.values()) + 1, rows: Math.max(1, ...rows.values()) };
}

/** Edges of one pipeline after the other, in the order of the answer. */
export function byPipeline(edges: Edge[]): [string, Edge[]][] {
  const found = new Map<string, Edge[]>();
  for (const edge of edges) found.set(edge.pipeline, [...(found.get(edge.pipeline) ?? []), edge]);
  return [...found];
}
