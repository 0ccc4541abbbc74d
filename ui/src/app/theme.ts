/** Light or dark: the system's preference unless the person chose, in which case the choice is kept in this browser. */
import { useSyncExternalStore } from 'react';

export type Scheme = 'light' | 'dark';

const kStorageKey = 'sextant.theme';
const changed = new EventTarget();

let preference: MediaQueryList | undefined;

function systemPrefersDark(): MediaQueryList {
  if (preference === undefined) {
    preference = window.matchMedia('(prefers-color-scheme: dark)');
    preference.addEventListener('change', () => changed.dispatchEvent(new Event('change')));
  }
  return preference;
}

function stored(): Scheme | undefined {
  try {
    const value = window.localStorage.getItem(kStorageKey);
    return value === 'light' || value === 'dark' ? value : undefined;
  } catch {
    return undefined; // storage can be forbidden; the system's preference then rules
  }
}

export function currentScheme(): Scheme {
  const chosen = document.documentElement.dataset['theme'];
  if (chosen === 'light' || chosen === 'dark') return chosen;
  return systemPrefersDark().matches ? 'dark' : 'light';
}

export function applyStoredTheme(): void {
  const scheme = stored();
  if (scheme !== undefined) document.documentElement.dataset['theme'] = scheme;
}

export const toggleScheme = () => chooseScheme(currentScheme() === 'dark' ? 'light' : 'dark');

/** One of them, or with '' whatever the system prefers. */
export function chooseScheme(next: Scheme | ''): void {
  if (next === '') delete document.documentElement.dataset['theme'];
  else document.documentElement.dataset['theme'] = next;
  try {
    if (next === '') window.localStorage.removeItem(kStorageKey);
    else window.localStorage.setItem(kStorageKey, next);
  } catch {
    // not kept: the choice lasts as long as the page
  }
  changed.dispatchEvent(new Event('change'));
}

function subscribe(listener: () => void): () => void {
  changed.addEventListener('change', listener);
  return () => changed.removeEventListener('change', listener);
}

export const useScheme = (): Scheme => useSyncExternalStore(subscribe, currentScheme);

const resolved = new Map<string, string>();

/** A custom property's colour as the canvas wants it: resolved for the current scheme, once. */
export function resolveColor(property: string): string {
  const key = `${currentScheme()} ${property}`;
  const known = resolved.get(key);
  if (known !== undefined) return known;
  const probe = document.createElement('span');
  probe.style.color = `var(${property})`;
  probe.style.display = 'none';
  document.body.append(probe);
  const color = window.getComputedStyle(probe).color;
  probe.remove();
  resolved.set(key, color);
  return color;
}
