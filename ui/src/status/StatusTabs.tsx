/** The pages about the server itself, beside each other. */
import { Link } from '../app/router';
import css from './StatusTabs.module.css';

const server = [
  { to: '/status', label: 'Runtime and storage' },
  { to: '/config', label: 'Configuration' },
  { to: '/flags', label: 'Flags' },
];
const scraping = [
  { to: '/targets', label: 'Targets' },
  { to: '/service-discovery', label: 'Service discovery' },
];

export function StatusTabs({ of, here }: { of: 'server' | 'scraping'; here: string }) {
  return (
    <nav className={css.tabs} aria-label={of === 'server' ? 'Server pages' : 'Scraping pages'}>
      {(of === 'server' ? server : scraping).map(({ to, label }) => <Link key={to} to={to} aria-current={to === here ? 'page' : undefined}>{label}</Link>)}
    </nav>
  );
}
