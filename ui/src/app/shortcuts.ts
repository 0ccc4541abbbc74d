/** Keys that work on every page. Typing in a field never triggers them. */
import { useEffect } from 'react';
import { refreshAll } from '../api/useResource';
import { navigate } from './router';
import { toggleScheme } from './theme';

export interface Shortcut {
  keys: string[];
  does: string;
}

export const shortcuts: Shortcut[] = [
  { keys: ['g', 'h'], does: 'Go to Home' },
  { keys: ['g', 'm'], does: 'Go to Machine' },
  { keys: ['g', 'd'], does: 'Go to Dashboards' },
  { keys: ['g', 'q'], does: 'Go to Query' },
  { keys: ['g', 'e'], does: 'Go to Explain' },
  { keys: ['g', 't'], does: 'Go to Targets' },
  { keys: ['g', 'a'], does: 'Go to Alerts' },
  { keys: ['g', 'c'], does: 'Go to Costs' },
  { keys: ['g', 'p'], does: 'Go to Pipelines' },
  { keys: ['g', 's'], does: 'Go to Status' },
  { keys: ['/'], does: 'Focus the search or the query editor' },
  { keys: ['r'], does: 'Refresh the page’s data' },
  { keys: ['Shift', 'L'], does: 'Switch between light and dark' },
  { keys: ['?'], does: 'Show these keys' },
  { keys: ['Ctrl', 'Enter'], does: 'Run the query (in the editor, also Enter)' },
  { keys: ['Shift', 'Enter'], does: 'New line in the query editor' },
  { keys: ['Esc'], does: 'Close what is open; end the kiosk mode' },
];

const destinations: Record<string, string> = { h: '/', m: '/machine', d: '/dashboards', s: '/status', p: '/pipelines', q: '/query', e: '/explain', t: '/targets', a: '/alerts', c: '/cardinality' };
const kChordMs = 1200;

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}

export function useShortcuts(showHelp: () => void): void {
  useEffect(() => {
    let chordStarted = -Infinity;
    const pressed = (event: KeyboardEvent) => {
      if (isTyping(event.target) || event.ctrlKey || event.metaKey || event.altKey) return;
      const inChord = event.timeStamp - chordStarted < kChordMs;
      chordStarted = -Infinity;
      const destination = destinations[event.key];
      if (inChord && destination !== undefined) navigate(destination);
      else if (event.key === 'g') chordStarted = event.timeStamp;
      else if (event.key === '?') showHelp();
      else if (event.key === 'L' && event.shiftKey) toggleScheme();
      else if (event.key === 'r') refreshAll();
      else if (event.key === '/') document.querySelector<HTMLElement>('[data-search]')?.focus();
      else return;
      event.preventDefault();
    };
    window.addEventListener('keydown', pressed);
    return () => window.removeEventListener('keydown', pressed);
  }, [showHelp]);
}
