import { expect, test } from 'vitest';
import type { Edge } from '../api/pipelines';
import { byPipeline, placeParts } from './layout';

const edge = (from: string, to: string, pipeline = 'traces'): Edge => ({ pipeline, from, to, items: 0, itemsPerSecond: 0, refused: 0, refusedPerSecond: 0, pending: 0 });

test('parts stand in the order that items pass them', () => {
  const { places, columns, rows } = placeParts([edge('', 'processor batch'), edge('processor batch', 'exporter otlp'), edge('processor batch', 'exporter debug')]);
  expect(places).toEqual([
    { name: 'entry', column: 0, row: 0 }, { name: 'processor batch', column: 1, row: 0 }, { name: 'exporter otlp', column: 2, row: 0 }, { name: 'exporter debug', column: 2, row: 1 },
  ]);
  expect([columns, rows]).toEqual([3, 2]);
});

test('receivers lead to the entry, from which the first parts are fed', () => {
  const { places, edges } = placeParts([edge('', 'processor a'), edge('receiver x', ''), edge('receiver y', '')]);
  expect(places.map(({ name, column }) => [name, column])).toEqual([['entry', 1], ['processor a', 2], ['receiver x', 0], ['receiver y', 0]]);
  expect(edges.map(({ from, to }) => [from, to])).toEqual([['receiver x', ''], ['receiver y', ''], ['', 'processor a']]);
});

test('edges in any order, and in a circle, have places', () => {
  const ordered = placeParts([edge('processor b', 'exporter x'), edge('processor a', 'processor b'), edge('', 'processor a')]);
  expect(ordered.places.find(({ name }) => name === 'exporter x')?.column).toBe(3);
  expect(placeParts([edge('processor a', 'processor b'), edge('processor b', 'processor a')]).edges).toHaveLength(2);
  expect(placeParts([])).toEqual({ places: [], edges: [], columns: 1, rows: 1 });
});

test('pipelines are kept apart', () => {
  expect(byPipeline([edge('', 'x', 'traces'), edge('', 'y', 'logs'), edge('x', 'z', 'traces')]).map(([name, edges]) => [name, edges.length])).toEqual([['traces', 2], ['logs', 1]]);
});
