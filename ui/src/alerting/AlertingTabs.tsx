/** The pages about alerts, beside each other: what rules say, what is notified, what is silenced, what happened, where they go. */
import { Link } from '../app/router';
import css from '../status/StatusTabs.module.css';

const pages = [
  { to: '/alerts', label: 'Rules' },
  { to: '/alertmanager', label: 'Notifications' },
  { to: '/silences', label: 'Silences' },
  { to: '/alert-history', label: 'History' },
  { to: '/routing', label: 'Routing' },
];

export function AlertingTabs({ here }: { here: string }) {
  return (
    <nav className={css.tabs} aria-label="Alerting pages">
      {pages.map(({ to, label }) => <Link key={to} to={to} aria-current={to === here ? 'page' : undefined}>{label}</Link>)}
    </nav>
  );
}
