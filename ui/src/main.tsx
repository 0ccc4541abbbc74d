import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import './styles/tokens.css';
import './styles/base.css';
import { App } from './app/App';
import { beginPage } from './app/pages';
import { startUserUpkeep } from './app/preferences';
import { trimmedPath } from './app/router';
import { applyStoredTheme } from './app/theme';
import { currentPath } from './api/basePath';

beginPage(trimmedPath(currentPath()));
applyStoredTheme();
startUserUpkeep();
const root = document.getElementById('root');
if (root === null) throw new Error('index.html has no #root');
createRoot(root).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
