/** Alert list: the alerts that are active now, worst first. */
import { Link } from '../app/router';
import { getAlerts } from '../api/prometheus';
import { useResource } from '../api/useResource';
import { Badge, LabelChips } from '../components/Controls';
import { Loading } from '../components/States';
import { humanDuration } from '../time/duration';
import { parseTimestamp } from '../time/format';
import { chooseAlerts, readAlertOptions } from './alertChoice';
import type { PanelProps } from './panel';
import css from './list.module.css';

const kRefreshMs = 15_000;

export default function AlertListPanel({ panel, replace }: PanelProps) {
  const { data, error, loadedAtMs } = useResource((signal) => getAlerts(signal), [], { everyMs: kRefreshMs });
  const options = readAlertOptions(panel.options, replace);
  if (data === undefined) return error === undefined ? <Loading what="alerts" /> : <p className={css.empty}>{error.message}</p>;
  const { shown, left } = chooseAlerts(data, options);
  return (
    <div className={css.panel}>
      {shown.length === 0 && <p className={css.empty}>No active alerts</p>}
      <ul>
        {shown.map((alert, index) => {
          const name = alert.labels['alertname'] ?? 'Alert';
          const sinceMs = parseTimestamp(alert.activeAt);
          return (
            <li key={index} className={css.item}>
              <Badge tone={alert.state === 'firing' ? 'bad' : 'warn'}>{alert.state === 'firing' ? 'Firing' : 'Pending'}</Badge>
              <Link to={`/alerts?search=${encodeURIComponent(name)}`} className={css.name}>{name}</Link>
              {sinceMs !== undefined && <span className={css.fact}>for {humanDuration(loadedAtMs - sinceMs)}</span>}
              <LabelChips labels={alert.labels} without={['alertname']} />
            </li>
          );
        })}
      </ul>
      {left > 0 && <p className={css.fact}>and {left} more</p>}
      {options.ignored.length > 0 && <p className={css.fact}>Not applied here: {options.ignored.join(', ')}.</p>}
    </div>
  );
}
