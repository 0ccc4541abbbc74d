/**
 * What a person prefers: kept in this browser, and for users by the server, whose word counts when a page is loaded. Nothing
 * waits for it: a page is drawn by what the browser remembers.
 */
import { readVisitor } from '../api/login';
import { getPreferences, rotateSession, savePreferences } from '../api/users';
import type { Preferences } from '../api/users';
import { chooseScheme } from './theme';

const kStorageKey = 'sextant.preferences';
const kRotateEveryMs = 5 * 60_000;

const none: Preferences = { theme: '', homeDashboardUID: '', timezone: '' };

export function localPreferences(): Preferences {
  try {
    return { ...none, ...(JSON.parse(window.localStorage.getItem(kStorageKey) ?? '{}') as Partial<Preferences>) };
  } catch {
    return none; // storage can be forbidden, or hold something else
  }
}

function remember(preferences: Preferences): void {
  try {
    window.localStorage.setItem(kStorageKey, JSON.stringify(preferences));
  } catch {
    // not kept: the choice lasts as long as the page
  }
}

/** Whether what names no time zone is shown in UTC. */
export const prefersUtc = () => localPreferences().timezone === 'utc';

export async function keepPreferences(preferences: Preferences): Promise<void> {
  if (readVisitor(document) === 'user') await savePreferences(preferences);
  remember(preferences);
  chooseScheme(preferences.theme);
}

/** Takes the server's word, and has the session's secret replaced from time to time; nothing where nobody is logged in. */
export function startUserUpkeep(): void {
  if (readVisitor(document) !== 'user') return;
  getPreferences().then(
    (preferences) => {
      remember(preferences);
      if (preferences.theme !== '') chooseScheme(preferences.theme);
    },
    () => undefined, // what the browser remembers stays
  );
  const rotate = () => {
    if (!document.hidden) rotateSession().catch(() => undefined); // a session that is over shows by the next call
  };
  rotate();
  window.setInterval(rotate, kRotateEveryMs);
}
