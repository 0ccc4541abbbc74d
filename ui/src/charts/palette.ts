/**
 * Series colours for the query page: neighbours differ in hue and lightness, and each has enough contrast on both
 * backgrounds. Dashboards use the palettes of their own model instead.
 */
const light = ['#0b7fab', '#c2571a', '#2e8b57', '#8a4fbf', '#b8860b', '#c2356b', '#3d6fd6', '#5f7d1f', '#9c5a3c', '#00838f', '#a03fa0', '#6b7380'];
const dark = ['#4fb6dc', '#f0925a', '#5fca8e', '#b48ae8', '#e6bd4a', '#f0719b', '#82a6f7', '#a7c957', '#d3a182', '#4dd0c8', '#dc8bdc', '#a6b0bd'];

export function seriesColor(index: number, scheme: 'light' | 'dark'): string {
  const palette = scheme === 'dark' ? dark : light;
  return palette[index % palette.length] ?? '#888888';
}
