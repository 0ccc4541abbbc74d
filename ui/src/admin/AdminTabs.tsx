import { readVisitor } from '../api/login';
import { Link } from '../app/router';
import css from '../status/StatusTabs.module.css';

const tabs = [
  { to: '/profile', label: 'Profile' },
  { to: '/users', label: 'Users' },
  { to: '/service-accounts', label: 'Service accounts' },
];

/** The pages about who uses the server; only one's own where users are off. */
export function AdminTabs({ here }: { here: string }) {
  if (readVisitor(document) === 'off' && here === '/profile') return null;
  return <nav className={css.tabs} aria-label="Users and preferences">{tabs.map(({ to, label }) => <Link key={to} to={to} aria-current={to === here ? 'page' : undefined}>{label}</Link>)}</nav>;
}
