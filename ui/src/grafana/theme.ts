import { createTheme } from '@grafana/data';
import type { GrafanaTheme2 } from '@grafana/data';

const themes = new Map<'light' | 'dark', GrafanaTheme2>();

/** Grafana's theme, which names its colours ("green", "semi-dark-orange"), for the page's scheme. */
export function grafanaTheme(scheme: 'light' | 'dark'): GrafanaTheme2 {
  const known = themes.get(scheme);
  if (known !== undefined) return known;
  const created = createTheme({ colors: { mode: scheme } });
  themes.set(scheme, created);
  return created;
}
