import { Suspense, useCallback, useEffect, useState } from 'react';
import { ErrorBoundary } from '../components/ErrorBoundary';
import { Loading } from '../components/States';
import { onLoggedOut } from '../api/loggedOut';
import { goToLogin } from '../api/login';
import { Login, pageAt } from './pages';
import { trimmedPath, useAddress } from './router';
import { ShortcutHelp } from './ShortcutHelp';
import { Shell } from './Shell';
import { useShortcuts } from './shortcuts';

onLoggedOut(goToLogin);

function NotFound() {
  return (
    <div style={{ padding: 24 }}>
      <h1>No such page</h1>
      <p>Nothing is served at this address. The pages are in the navigation.</p>
    </div>
  );
}

// The server may have put another title in place of ours.
const product = document.title || 'Sextant';

export function App() {
  const { path } = useAddress();
  const [helpShown, setHelpShown] = useState(false);
  useShortcuts(useCallback(() => setHelpShown(true), []));
  const trimmed = trimmedPath(path);
  const isLogin = trimmed === '/login';
  const { title, Page } = isLogin ? { title: 'Log in', Page: Login } : pageAt(trimmed) ?? { title: 'Not found', Page: NotFound };
  useEffect(() => {
    document.title = `${title} · ${product}`;
  }, [title]);
  if (isLogin) {
    return (
      <ErrorBoundary what="The login page">
        <Suspense fallback={<Loading what={title} />}><Page /></Suspense>
      </ErrorBoundary>
    );
  }
  return (
    <Shell path={trimmed} title={title} isPage={(wanted) => pageAt(wanted) !== undefined} showHelp={() => setHelpShown(true)}>
      <ErrorBoundary key={title === 'Dashboard' ? '/d' : trimmed} what={`The page ${title}`}>
        <Suspense fallback={<Loading what={title} />}>
          <Page />
        </Suspense>
      </ErrorBoundary>
      {helpShown && <ShortcutHelp close={() => setHelpShown(false)} />}
    </Shell>
  );
}
