/** The collector's pipelines: what passes each edge, what is refused and lost, and how full the queues before the exporters are. */
import { useMemo } from 'react';
import type { ReactNode } from 'react';
import { ApiError } from '../api/client';
import { accountOf, getPipelines } from '../api/pipelines';
import type { Account, Edge } from '../api/pipelines';
import { setSearch, useAddress } from '../app/router';
import { useResource } from '../api/useResource';
import { formatShort } from '../charts/numbers';
import { Badge, PageBar, Search, Spacer } from '../components/Controls';
import { Empty, Loading, Notice, PageError } from '../components/States';
import { byPipeline, kEntry, placeParts } from './layout';
import type { Place } from './layout';
import css from './PipelinesPage.module.css';

const kRefreshMs = 2000;

export default function PipelinesPage() {
  const { search } = useAddress();
  const text = new URLSearchParams(search).get('search') ?? '';
  const { data, error } = useResource((signal) => getPipelines(signal), [], { everyMs: kRefreshMs });
  const absent = error instanceof ApiError && (error.status === 404 || error.status === 405);
  const pipelines = byPipeline(data?.edges ?? []).filter(([name, edges]) => `${name} ${edges.map((edge) => `${edge.from} ${edge.to}`).join(' ')}`.toLowerCase().includes(text.toLowerCase()));
  return (
    <div className={css.page}>
      <PageBar title="Pipelines">
        <Spacer />
        <Search label="Search pipelines" value={text} onChange={(value) => setSearch(new URLSearchParams(value === '' ? {} : { search: value }), { replace: true })} />
      </PageBar>
      <div className={css.content}>
        {absent
          ? <Notice tone="info" title="No collector here">This server runs no pipelines: the collector is a section of its configuration, or a process of its own (sextant otelcol) that answers at /api/v1/pipelines of its own address.</Notice>
          : <PageError title="The pipelines could not be read" error={error} />}
        {data === undefined && error === undefined && <Loading what="pipelines" />}
        {data !== undefined && pipelines.length === 0 && <Empty title={data.edges.length === 0 ? 'No pipelines' : 'No pipeline matches'}>{data.edges.length === 0 ? 'The collector has none.' : 'Change the search.'}</Empty>}
        {pipelines.map(([name, edges]) => <Pipeline key={name} name={name} edges={edges} accounts={data?.accounts ?? []} />)}
      </div>
    </div>
  );
}

const kBox = { width: 150, height: 44 };
const kGap = { x: 110, y: 18 };
const kMargin = 8;

const xOf = (place: Place) => kMargin + place.column * (kBox.width + kGap.x);
const yOf = (place: Place) => kMargin + place.row * (kBox.height + kGap.y);
const perSecond = (value: number) => `${formatShort(value, 1)}/s`;

/** How full a queue is, 0 to 1; none where there is none. */
function fillOf(account: Account | undefined): number | undefined {
  return account?.queue === undefined || account.queue.capacity <= 0 ? undefined : Math.min(1, account.queue.size / account.queue.capacity);
}

interface PipelineProps {
  name: string;
  edges: Edge[];
  accounts: Account[];
}

function Pipeline({ name, edges, accounts }: PipelineProps) {
  const placed = useMemo(() => placeParts(edges), [edges]);
  const width = 2 * kMargin + placed.columns * kBox.width + (placed.columns - 1) * kGap.x;
  const height = 2 * kMargin + placed.rows * kBox.height + (placed.rows - 1) * kGap.y;
  const refuses = edges.some((edge) => edge.refusedPerSecond > 0);
  const drops = edges.some((edge) => (accountOf(accounts, name, edge.to)?.dropped ?? 0) > 0);
  return (
    <section className={css.pipeline} aria-label={`Pipeline ${name}`}>
      <h2>{name} {refuses && <Badge tone="bad">refuses items</Badge>}{drops && <Badge tone="bad">has dropped items</Badge>}</h2>
      <div className={css.scroll} tabIndex={0} role="group" aria-label={`Drawing of ${name}`}>
        <svg width={width} height={height} role="img" aria-label={`${placed.places.length} parts, ${edges.length} edges; the table below has the figures`}>
          {placed.edges.map((edge, index) => {
            const [x0, y0, x1, y1] = [xOf(edge.source) + kBox.width, yOf(edge.source) + kBox.height / 2, xOf(edge.target), yOf(edge.target) + kBox.height / 2];
            const middle = (x0 + x1) / 2;
            return (
              <g key={index} className={edge.refusedPerSecond > 0 ? css.refusing : edge.itemsPerSecond > 0 ? css.flowing : css.idle}>
                <path d={`M${x0} ${y0}C${middle} ${y0} ${middle} ${y1} ${x1 - 4} ${y1}`} />
                <path d={`M${x1 - 8} ${y1 - 4}L${x1 - 2} ${y1}L${x1 - 8} ${y1 + 4}`} />
                <text x={x1 - kGap.x * 0.4} y={y1 - 6}>{perSecond(edge.itemsPerSecond)}</text>
                {edge.refusedPerSecond > 0 && <text className={css.bad} x={x1 - kGap.x * 0.4} y={y1 + 15}>{perSecond(edge.refusedPerSecond)} refused</text>}
              </g>
            );
          })}
          {placed.places.map((place) => {
            const account = accountOf(accounts, name, place.name);
            const fill = fillOf(account);
            const [kind, id] = place.name === kEntry ? ['pipeline', name] : [place.name.split(' ')[0] ?? '', place.name.replace(/^\S+ /, '')];
            return (
              <g key={place.name} className={css.part} transform={`translate(${xOf(place)} ${yOf(place)})`}>
                <title>{place.name}</title>
                <rect width={kBox.width} height={kBox.height} rx={6} />
                {fill !== undefined && <rect className={fill > 0.8 ? css.full : css.fill} y={kBox.height - 4} width={kBox.width * fill} height={4} />}
                <text className={css.kind} x={10} y={17}>{kind}</text>
                <text x={10} y={33}>{id.length > 20 ? `${id.slice(0, 19)}…` : id}</text>
                {account !== undefined && account.dropped > 0 && <text className={css.lost} x={kBox.width - 10} y={17}>{formatShort(account.dropped)} dropped</text>}
              </g>
            );
          })}
        </svg>
      </div>
      <Figures name={name} edges={placed.edges} accounts={accounts} />
    </section>
  );
}

function Figures({ name, edges, accounts }: PipelineProps) {
  return (
    <div className={css.scroll} tabIndex={0} role="group" aria-label={`Figures of ${name}`}>
      <table className={css.table} aria-label={`Edges of ${name}`}>
        <thead><tr><th scope="col">From</th><th scope="col">To</th><th scope="col">Items/s</th><th scope="col">Items</th><th scope="col">Refused/s</th><th scope="col">Refused</th><th scope="col">Under way</th><th scope="col">Queue</th><th scope="col">Not queued</th><th scope="col">Not sent</th><th scope="col">Dropped</th></tr></thead>
        <tbody>
          {edges.map((edge) => {
            const account = accountOf(accounts, name, edge.to);
            const exports = edge.to.startsWith('exporter ');
            return (
              <tr key={`${edge.from} ${edge.to}`}>
                <td>{edge.from === '' ? kEntry : edge.from}</td>
                <td>{edge.to === '' ? kEntry : edge.to}</td>
                <td>{formatShort(edge.itemsPerSecond, 1)}</td>
                <td>{formatShort(edge.items)}</td>
                <td className={edge.refusedPerSecond > 0 ? css.badCell : undefined}>{formatShort(edge.refusedPerSecond, 1)}</td>
                <td className={edge.refused > 0 ? css.badCell : undefined}>{formatShort(edge.refused)}</td>
                <td>{formatShort(edge.pending)}</td>
                <td>{account?.queue === undefined ? '–' : `${formatShort(account.queue.size)} of ${formatShort(account.queue.capacity)} ${account.queue.unit}`}</td>
                <Loss items={account?.queue === undefined ? undefined : account.notQueued} />
                <Loss items={exports ? account?.sendFailed : undefined} />
                <Loss items={account?.dropped}>{account?.reasons.map(({ reason, items }) => <span key={reason} className={css.reason}>{formatShort(items)} {reason}</span>)}</Loss>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

/** A cell that counts what did not get through; a dash where a part cannot tell. */
function Loss({ items, children }: { items: number | undefined; children?: ReactNode }) {
  return <td className={(items ?? 0) > 0 ? css.badCell : undefined}>{items === undefined ? '–' : formatShort(items)}{(items ?? 0) > 0 && children}</td>;
}
