/** Colours of texts: a threshold's or a series' colour, as far from its background as a text needs (WCAG 2.2, 1.4.3). */
import { plain } from '../charts/colors';
import type { GrafanaTheme2 } from '../grafana';

/** Contrast that a text needs; that of large ones is lower. */
const kContrast = 4.5;
const kContrastLarge = 3;
const kLargePx = 24;

const kSurface = { light: [255, 255, 255], dark: [20, 24, 29] } as const; // --surface
const kStep = 0.06;

type Rgb = readonly [number, number, number];

function luminance(color: Rgb): number {
  const [red, green, blue] = color.map((one) => (one <= 10.31475 ? one / 255 / 12.92 : ((one / 255 + 0.055) / 1.055) ** 2.4)) as [number, number, number];
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

export function contrast(a: Rgb, b: Rgb): number {
  const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y) as [number, number];
  return (high + 0.05) / (low + 0.05);
}

/** The colour itself where it can be read on a panel of this theme, else one of its shades that can. */
export function readable(color: string, theme: GrafanaTheme2, sizePx = 13): string {
  const parts = /^rgba?\(\s*(\d+)[ ,]+(\d+)[ ,]+(\d+)\s*\)$/.exec(plain(color));
  if (parts === null) return color;
  const surface = kSurface[theme.isDark ? 'dark' : 'light'];
  const towards = theme.isDark ? 255 : 0;
  const wanted = sizePx >= kLargePx ? kContrastLarge : kContrast;
  let shade: Rgb = [Number(parts[1]), Number(parts[2]), Number(parts[3])];
  for (let share = kStep; contrast(shade, surface) < wanted && share < 1; share += kStep) {
    shade = [1, 2, 3].map((part) => Math.round(Number(parts[part]) * (1 - share) + towards * share)) as [number, number, number];
  }
  return `rgb(${shade.join(', ')})`;
}

/** Black or white, whichever can be read on a background of this colour. */
export function onColor(background: string, theme: GrafanaTheme2): string {
  return theme.colors.getContrastText(background, kContrast);
}
