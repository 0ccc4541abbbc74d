/** The routing tree, drawn as one: each route under the one that it belongs to, and those that an alert takes in colour. */
import { getAlertmanagerStatus } from '../api/alertmanager';
import { useResource } from '../api/useResource';
import { Badge } from '../components/Controls';
import { Loading, Notice, PageError } from '../components/States';
import { readRouteTree } from './routeTree';
import type { RouteNode } from './routeTree';
import css from './RouteTree.module.css';

/** `taken` are the keys of the routes that the alert in question takes. */
export function RouteTree({ taken }: { taken: ReadonlySet<string> }) {
  const { data, error } = useResource(async (signal) => readTree((await getAlertmanagerStatus(signal)).config.original), [], { everyMs: 60_000 });
  return (
    <section className={css.section} aria-label="Routing tree">
      <h2>The routes, from the first to the last</h2>
      <PageError title="The routes could not be read" error={error} />
      {data === undefined && error === undefined && <Loading what="routes" />}
      {data?.problem !== undefined && <Notice tone="warn" title="The tree cannot be drawn">{data.problem} The configuration stands on the page Notifications.</Notice>}
      {data?.tree !== undefined && <div className={css.scroll} tabIndex={0} role="group" aria-label="Drawing of the routes"><ul className={css.tree}><Route node={data.tree} taken={taken} inherited={data.tree.receiver} /></ul></div>}
    </section>
  );
}

function readTree(text: string): { tree?: RouteNode; problem?: string } {
  try {
    const tree = readRouteTree(text);
    return tree === undefined ? { problem: 'The configuration names no route.' } : { tree };
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) };
  }
}

function Route({ node, taken, inherited }: { node: RouteNode; taken: ReadonlySet<string>; inherited: string }) {
  const receiver = node.receiver === '' ? inherited : node.receiver;
  const isTaken = taken.has(node.key);
  const isOnTheWay = !isTaken && [...taken].some((key) => key.startsWith(`${node.key}/`));
  return (
    <li>
      <div className={isTaken ? css.taken : isOnTheWay ? css.onTheWay : css.route} data-taken={isTaken}>
        <span className={css.matchers}>{node.matchers.length === 0 ? <em>every alert</em> : node.matchers.map((matcher) => <code key={matcher}>{matcher}</code>)}</span>
        <span className={css.receiver}>→ {receiver}</span>
        {isTaken && <Badge tone="ok">goes here</Badge>}
        {node.continues && <Badge tone="info">and goes on</Badge>}
        <span className={css.facts}>{[node.groupBy.length === 0 ? '' : `grouped by ${node.groupBy.join(', ')}`, node.timing, node.mutedBy.length === 0 ? '' : `muted ${node.mutedBy.join(', ')}`].filter((part) => part !== '').join(' · ')}</span>
      </div>
      {node.routes.length > 0 && <ul>{node.routes.map((one, index) => <Route key={`${one.key} ${index}`} node={one} taken={taken} inherited={receiver} />)}</ul>}
    </li>
  );
}
