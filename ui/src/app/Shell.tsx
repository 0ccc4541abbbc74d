import { useEffect, useRef } from 'react';
import type { ReactNode } from 'react';
import { getBuildInfo } from '../api/prometheus';
import { useReachability } from '../api/reachability';
import { useServerNotices } from '../api/serverNotices';
import { refreshAll, useResource } from '../api/useResource';
import { Icon, Logo } from '../components/icons';
import type { IconName } from '../components/icons';
import { Notice } from '../components/States';
import { formatClock, formatDateTime } from '../time/format';
import { useKiosk } from './kiosk';
import { followInside, Link } from './router';
import { toggleScheme, useScheme } from './theme';
import { UserMenu } from './UserMenu';
import css from './Shell.module.css';

const destinations: { to: string; label: string; icon: IconName; keys: string }[] = [
  { to: '/', label: 'Home', icon: 'home', keys: 'g h' },
  { to: '/machine', label: 'Machine', icon: 'machine', keys: 'g m' },
  { to: '/dashboards', label: 'Dashboards', icon: 'dashboards', keys: 'g d' },
  { to: '/query', label: 'Query', icon: 'query', keys: 'g q' },
  { to: '/explain', label: 'Explain', icon: 'explain', keys: 'g e' },
  { to: '/targets', label: 'Targets', icon: 'targets', keys: 'g t' },
  { to: '/alerts', label: 'Alerts', icon: 'alerts', keys: 'g a' },
  { to: '/cardinality', label: 'Costs', icon: 'costs', keys: 'g c' },
  { to: '/pipelines', label: 'Pipelines', icon: 'pipelines', keys: 'g p' },
  { to: '/status', label: 'Status', icon: 'status', keys: 'g s' },
];

/** Pages that stand under another's entry. */
const aliases: Record<string, string> = {
  '/graph': '/query', '/rules': '/alerts', '/alertmanager': '/alerts', '/silences': '/alerts', '/alert-history': '/alerts', '/routing': '/alerts', '/tsdb-status': '/status', '/config': '/status', '/flags': '/status', '/service-discovery': '/targets', '/users': '/profile', '/service-accounts': '/profile',
};

interface ShellProps {
  path: string;
  title: string;
  isPage: (path: string) => boolean;
  showHelp: () => void;
  children: ReactNode;
}

export function Shell({ path, title, isPage, showHelp, children }: ShellProps) {
  const scheme = useScheme();
  const kiosk = useKiosk();
  const here = path.startsWith('/d/') ? '/dashboards' : (aliases[path] ?? path);
  return (
    <div className={`${css.shell} ${kiosk === 'off' ? '' : css.kiosk}`}>
      <a className={css.skip} href="#content">Skip to content</a>
      <header className={css.rail}>
        <Link to="/" className={css.brand} aria-label="Sextant, to Home">
          <Logo />
          <span className={css.name}>Sextant</span>
        </Link>
        <nav className={css.nav} aria-label="Pages">
          {destinations.map(({ to, label, icon, keys }) => (
            <Link
              key={to} to={to} className={css.item} aria-current={to === here ? 'page' : undefined}
              title={`${label} (${keys})`}
            >
              <Icon name={icon} />
              <span className={css.label}>{label}</span>
              <kbd className={css.keys} aria-hidden="true">{keys}</kbd>
            </Link>
          ))}
        </nav>
        <div className={css.foot}>
          <UserMenu />
          <ServerState />
          <div className={css.tools}>
            <Link to="/profile" className={css.tool} title="Profile and preferences" aria-label="Profile and preferences" aria-current={here === '/profile' ? 'page' : undefined}><Icon name="settings" /></Link>
            <button
              type="button" className={css.tool} onClick={toggleScheme} title="Light or dark (Shift+L)"
              aria-label={scheme === 'dark' ? 'Switch to the light theme' : 'Switch to the dark theme'}
            >
              <Icon name={scheme === 'dark' ? 'sun' : 'moon'} />
            </button>
            <button type="button" className={`${css.tool} ${css.help}`} onClick={showHelp} title="Keyboard (?)" aria-label="Keyboard shortcuts">
              <Icon name="keyboard" />
            </button>
          </div>
        </div>
      </header>
      <main id="content" className={css.content} tabIndex={-1} aria-label={title} onClick={(event) => followInside(event, isPage)}>
        <UnreachableNotice />
        <ServerNotices />
        {children}
      </main>
    </div>
  );
}

/** Pauses between two looks at whether the server is there. */
const kCheckMs = 30_000;
const kCheckWhileAwayMs = 3000;

function ServerState() {
  const { state } = useReachability();
  const reachable = state !== 'unreachable';
  const build = useResource((signal) => getBuildInfo(signal), [], { everyMs: reachable ? kCheckMs : kCheckWhileAwayMs, heedsRefresh: false });
  const wasAway = useRef(false);
  useEffect(() => {
    if (reachable && wasAway.current) refreshAll(); // what failed meanwhile is asked for again
    wasAway.current = !reachable;
  }, [reachable]);
  const version = build.data === undefined ? '' : build.data.version;
  return (
    <div className={css.server} role="status" title={reachable ? 'The server answers' : 'The server does not answer'}>
      <span className={reachable ? css.dotOk : css.dotBad} aria-hidden="true" />
      <span className={css.serverText}>{reachable ? `Connected${version === '' ? '' : ` · ${version}`}` : 'Unreachable'}</span>
    </div>
  );
}

function UnreachableNotice() {
  const reachability = useReachability();
  if (reachability.state !== 'unreachable') return null;
  return (
    <div className={css.notice}>
      <Notice tone="bad" icon="unplugged" title="The server cannot be reached">
        No answer since {formatClock(reachability.sinceMs)} ({reachability.reason}). What is shown may be old; trying again by itself.
      </Notice>
    </div>
  );
}

/** On every page: a configuration that could not be read concerns whoever looks at anything. */
function ServerNotices() {
  const notices = useServerNotices();
  return (
    <div className={notices.length === 0 ? undefined : css.notices} role="status" aria-label="Notices of the server">
      {notices.map(({ text, date }) => <Notice key={text} tone="warn" title={`Since ${formatDateTime(Date.parse(date))}`}>{text}</Notice>)}
    </div>
  );
}
