/** Node graph: services and what calls what. Drag moves the drawing, the buttons enlarge it. */
import { useMemo, useRef, useState } from 'react';
import { Button } from '../components/Controls';
import { useFilling } from '../components/useSize';
import { placeNodes, readGraph } from './graphLayout';
import type { PanelProps } from './panel';
import { slicePath } from './slices';
import css from './nodeGraph.module.css';

const kRadius = 22;
const kEdge = 110;

export default function NodeGraphPanel({ panel, frames, theme }: PanelProps) {
  const [element, { width, height }] = useFilling<HTMLDivElement>();
  const [chosen, setChosen] = useState<string | undefined>(undefined);
  const [zoom, setZoom] = useState(1);
  const [offset, setOffset] = useState({ x: 0, y: 0 });
  const drag = useRef<{ x: number; y: number } | undefined>(undefined);
  const graph = useMemo(() => readGraph(frames), [frames]);
  const places = useMemo(() => placeNodes(graph), [graph]);
  if (graph.nodes.length === 0) return <p className={css.empty} data-empty>The answer holds no nodes: a frame with a field “id”, or one with “source” and “target”, is needed.</p>;
  const points = [...places.values()];
  const [x0, x1] = [Math.min(...points.map(({ x }) => x)) * kEdge - 60, Math.max(...points.map(({ x }) => x)) * kEdge + 60];
  const [y0, y1] = [Math.min(...points.map(({ y }) => y)) * kEdge - 40, Math.max(...points.map(({ y }) => y)) * kEdge + 60];
  const scale = Math.min(1.4, width / (x1 - x0), height / (y1 - y0)) * zoom;
  const [shownWidth, shownHeight] = [width / scale, height / scale];
  const viewBox = `${(x0 + x1) / 2 - shownWidth / 2 - offset.x} ${(y0 + y1) / 2 - shownHeight / 2 - offset.y} ${shownWidth} ${shownHeight}`;
  const near = (source: string, target: string) => chosen === undefined || chosen === source || chosen === target;
  const isNear = (id: string) => chosen === undefined || chosen === id || graph.edges.some(({ source, target }) => (source === chosen && target === id) || (target === chosen && source === id));
  const marker = `arrow-${panel.id}`;
  return (
    <div ref={element} className={css.panel}>
      {width > 0 && (
        <svg
          width={width} height={height} viewBox={viewBox} role="group" aria-label={`${panel.title || 'Node graph'}: ${graph.nodes.length} nodes, ${graph.edges.length} edges`}
          onPointerDown={(event) => { drag.current = { x: event.clientX, y: event.clientY }; }}
          onPointerUp={() => { drag.current = undefined; }} onPointerLeave={() => { drag.current = undefined; }}
          onPointerMove={(event) => {
            const from = drag.current;
            if (from === undefined) return;
            drag.current = { x: event.clientX, y: event.clientY };
            setOffset({ x: offset.x + (event.clientX - from.x) / scale, y: offset.y + (event.clientY - from.y) / scale });
          }}
        >
          <defs>
            <marker id={marker} viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0 8 4 0 8Z" fill="var(--text-faint)" /></marker>
          </defs>
          {graph.edges.map((edge, index) => {
            const [from, to] = [places.get(edge.source), places.get(edge.target)];
            if (from === undefined || to === undefined) return null;
            const title = <title>{`${edge.source} → ${edge.target}${edge.mainStat === '' ? '' : `\n${edge.mainStat}`}${edge.secondaryStat === '' ? '' : `\n${edge.secondaryStat}`}`}</title>;
            const opacity = near(edge.source, edge.target) ? 1 : 0.15;
            const [ax, ay, bx, by] = [from.x * kEdge, from.y * kEdge, to.x * kEdge, to.y * kEdge];
            if (edge.source === edge.target) return <circle key={index} cx={ax + kRadius} cy={ay - kRadius} r={12} fill="none" stroke="var(--text-faint)" opacity={opacity}>{title}</circle>;
            const length = Math.hypot(bx - ax, by - ay) || 1;
            const [ux, uy] = [((bx - ax) / length) * (kRadius + 3), ((by - ay) / length) * (kRadius + 3)];
            return <line key={index} x1={ax + ux} y1={ay + uy} x2={bx - ux} y2={by - uy} stroke="var(--text-faint)" strokeWidth={1.2} opacity={opacity} markerEnd={`url(#${marker})`}>{title}</line>;
          })}
          {graph.nodes.map((node) => {
            const at = places.get(node.id) ?? { x: 0, y: 0 };
            const color = node.color === undefined ? 'var(--accent)' : theme.visualization.getColorByName(node.color);
            let start = 0;
            return (
              <g
                key={node.id} transform={`translate(${(at.x * kEdge).toFixed(1)} ${(at.y * kEdge).toFixed(1)})`} opacity={isNear(node.id) ? 1 : 0.25} className={css.node} role="button" tabIndex={0}
                aria-pressed={chosen === node.id} aria-label={[node.title, node.subtitle, node.mainStat, node.secondaryStat].filter((part) => part !== '').join(', ')}
                onClick={() => setChosen(chosen === node.id ? undefined : node.id)}
                onKeyDown={(event) => { if (event.key === 'Enter' || event.key === ' ') { event.preventDefault(); setChosen(chosen === node.id ? undefined : node.id); } }}
              >
                <circle r={kRadius} fill="var(--surface)" stroke={color} strokeWidth={node.arcs.length > 0 ? 1 : 3} />
                {node.arcs.map(({ color: arcColor, share }, index) => {
                  const path = slicePath(start, share, kRadius, kRadius - 4);
                  start += share;
                  return <path key={index} d={path} fill={theme.visualization.getColorByName(arcColor)} />;
                })}
                {node.mainStat !== '' && <text y={node.secondaryStat === '' ? 3 : -1} textAnchor="middle" fontSize={9} fill="var(--text)">{node.mainStat.slice(0, 10)}</text>}
                {node.secondaryStat !== '' && <text y={10} textAnchor="middle" fontSize={8} fill="var(--text-muted)">{node.secondaryStat.slice(0, 10)}</text>}
                <text y={kRadius + 13} textAnchor="middle" fontSize={11} fill="var(--text)">{node.title.length > 26 ? `${node.title.slice(0, 25)}…` : node.title}</text>
                {node.subtitle !== '' && <text y={kRadius + 25} textAnchor="middle" fontSize={10} fill="var(--text-muted)">{node.subtitle.slice(0, 26)}</text>}
              </g>
            );
          })}
        </svg>
      )}
      <div className={css.tools}>
        <Button kind="quiet" icon="plus" aria-label="Enlarge" onClick={() => setZoom(Math.min(6, zoom * 1.3))} />
        <Button kind="quiet" icon="zoomOut" aria-label="Make smaller" onClick={() => setZoom(Math.max(0.3, zoom / 1.3))} />
      </div>
      {graph.left > 0 && <p className={css.note}>{graph.left} more nodes are not drawn.</p>}
    </div>
  );
}
