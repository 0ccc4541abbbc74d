/** Dashboard list: links to the dashboards of this server. */
import { Link, useAddress } from '../app/router';
import { searchDashboards } from '../api/dashboards';
import { useResource } from '../api/useResource';
import { Loading } from '../components/States';
import { carryOver } from '../dashboards/links';
import { asBoolean, asList, asNumber, asText } from '../dashboards/read';
import type { PanelProps } from './panel';
import css from './list.module.css';

export default function DashListPanel({ panel, replace }: PanelProps) {
  const { options } = panel;
  const { search } = useAddress();
  const { data, error } = useResource((signal) => searchDashboards(signal), []);
  if (data === undefined) return error === undefined ? <Loading what="dashboards" /> : <p className={css.empty}>{error.message}</p>;
  const tags = asList(options['tags']).map((tag) => asText(tag));
  const words = replace(asText(options['query'])).toLowerCase();
  // Stars and visits are kept by accounts, which this page does not read: a list of only these stays a note.
  const personal = ['showStarred', 'showRecentlyViewed'].filter((name) => asBoolean(options[name]));
  const listed = options['showSearch'] === false && personal.length > 0 ? [] : data.filter((one) => one.title.toLowerCase().includes(words) && tags.every((tag) => one.tags.includes(tag)));
  const kept = carryOver(search, { keepTime: asBoolean(options['keepTime']) || asBoolean(options['includeTime']), includeVars: asBoolean(options['includeVars']) });
  return (
    <div className={css.panel}>
      <ul>
        {listed.slice(0, Math.max(1, asNumber(options['maxItems'], 10))).map((one) => (
          <li key={one.uid} className={css.item}><Link to={`/d/${encodeURIComponent(one.uid)}${kept === '' ? '' : `?${kept}`}`} className={css.name}>{one.title}</Link></li>
        ))}
      </ul>
      {listed.length === 0 && personal.length === 0 && <p className={css.empty}>No dashboard matches</p>}
      {personal.length > 0 && <p className={css.fact}>Starred and recently viewed dashboards are not kept by this server.</p>}
    </div>
  );
}
