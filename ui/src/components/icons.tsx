/** Line icons drawn on a 16-unit grid, and the mark: a star held against a sextant's graduated arc. */
import type { SVGProps } from 'react';

const paths = {
  home: 'M2.5 7.5 8 2.8l5.5 4.7M4 6.5v6.7h8V6.5M6.7 13.2V9.3h2.6v3.9',
  machine: 'M4 4h8v8H4zM6.3 6.3h3.4v3.4H6.3zM6 1.8V4M10 1.8V4M6 12v2.2M10 12v2.2M1.8 6H4M1.8 10H4M12 6h2.2M12 10h2.2',
  query: 'M2.5 12.5 6 7.8l2.6 2.4 4.9-6.7M10.6 3.5h2.9v2.9',
  explain: 'M8 2.5v3.2M3.5 10.3V8h9v2.3M8 5.7V8M6.7 1.8h2.6v2H6.7zM2.2 10.3h2.6v2.6H2.2zM11.2 10.3h2.6v2.6h-2.6z',
  targets: 'M8 2.2a5.8 5.8 0 1 0 0 11.6A5.8 5.8 0 0 0 8 2.2ZM8 5.4a2.6 2.6 0 1 0 0 5.2 2.6 2.6 0 0 0 0-5.2ZM8 1v2M8 13v2M1 8h2M13 8h2',
  alerts: 'M8 2.2c-2.4 0-4 1.8-4 4.1 0 3.6-1.4 4.6-1.4 5.2h10.8c0-.6-1.4-1.6-1.4-5.2 0-2.3-1.6-4.1-4-4.1ZM6.5 13.6c.3.5.8.8 1.5.8s1.2-.3 1.5-.8',
  costs: 'M2.5 13.5h11M3.5 13.5v-3h2.2v3M6.9 13.5v-6h2.2v6M10.3 13.5V3.2h2.2v10.3',
  sun: 'M8 5.2a2.8 2.8 0 1 0 0 5.6 2.8 2.8 0 0 0 0-5.6ZM8 1.5v1.2M8 13.3v1.2M1.5 8h1.2M13.3 8h1.2M3.4 3.4l.9.9M11.7 11.7l.9.9M12.6 3.4l-.9.9M4.3 11.7l-.9.9',
  moon: 'M13 9.6A5.5 5.5 0 0 1 6.4 3a5.3 5.3 0 1 0 6.6 6.6Z',
  keyboard: 'M2 4.5h12v7H2zM4.5 7h.01M7 7h.01M9.5 7h.01M12 7h.01M5 9.3h6',
  refresh: 'M13 8a5 5 0 1 1-1.6-3.7M13.2 2.4v2.5h-2.5',
  clock: 'M8 2.2a5.8 5.8 0 1 0 0 11.6A5.8 5.8 0 0 0 8 2.2ZM8 4.8V8l2.2 1.4',
  chevron: 'm4.5 6.2 3.5 3.6 3.5-3.6',
  close: 'm4 4 8 8M12 4l-8 8',
  plus: 'M8 3.2v9.6M3.2 8h9.6',
  play: 'M5 3.4v9.2L12.4 8Z',
  search: 'M7 2.8a4.2 4.2 0 1 0 0 8.4 4.2 4.2 0 0 0 0-8.4ZM10.1 10.1l3.2 3.2',
  warning: 'M8 2.6 1.9 13h12.2ZM8 6.6v3M8 11.3v.01',
  info: 'M8 2.2a5.8 5.8 0 1 0 0 11.6A5.8 5.8 0 0 0 8 2.2ZM8 7.3v3.4M8 5.2v.01',
  unplugged: 'M6 2.5v2.6M10 2.5v2.6M4.4 5.1h7.2v2.4a3.6 3.6 0 0 1-7.2 0ZM8 11.1v2.7',
  copy: 'M5.5 5.5h7v7h-7zM3.5 10.5v-7h7',
  zoomOut: 'M7 2.8a4.2 4.2 0 1 0 0 8.4 4.2 4.2 0 0 0 0-8.4ZM10.1 10.1l3.2 3.2M5.2 7h3.6',
  list: 'M5.5 4h8M5.5 8h8M5.5 12h8M2.7 4h.01M2.7 8h.01M2.7 12h.01',
  more: 'M8 3.4v.01M8 8v.01M8 12.6v.01',
  dashboards: 'M2.5 2.5h5v4h-5zM9.5 2.5h4v7h-4zM2.5 8.5h5v5h-5zM9.5 11.5h4v2h-4z',
  status: 'M2 8h2.6l1.6-4.4 3 9 1.8-4.6h3',
  bell: 'M3 6.5v3M5.5 5.5 11 3v10L5.5 10.5h-3v-5ZM13 6.5v3',
  user: 'M8 2.6a2.7 2.7 0 1 0 0 5.4 2.7 2.7 0 0 0 0-5.4ZM2.8 13.4c.5-2.6 2.5-3.9 5.2-3.9s4.7 1.3 5.2 3.9',
  leave: 'M6.5 13.2h-3V2.8h3M9.8 5 13 8l-3.2 3M13 8H6.2',
  pipelines: 'M2 4h3.5M2 12h3.5M5.5 2.5h5v3h-5zM5.5 10.5h5v3h-5zM10.5 4h1.8v4M10.5 12h1.8V8M12.3 8H14',
  settings: 'M2.5 4.5h5M11 4.5h2.5M9.2 3a1.5 1.5 0 1 0 0 3 1.5 1.5 0 0 0 0-3ZM2.5 11.5h2M8 11.5h5.5M6.2 10a1.5 1.5 0 1 0 0 3 1.5 1.5 0 0 0 0-3Z',
  history: 'M3 8a5 5 0 1 0 1.6-3.7M2.8 2.4v2.5h2.5M8 5.2V8l1.8 1.2',
} as const;

export type IconName = keyof typeof paths;

type IconProps = SVGProps<SVGSVGElement> & { name: IconName; size?: number };

export function Icon({ name, size = 16, ...rest }: IconProps) {
  return (
    <svg
      width={size} height={size} viewBox="0 0 16 16" fill="none" stroke="currentColor" strokeWidth={1.4}
      strokeLinecap="round" strokeLinejoin="round" aria-hidden="true" focusable="false" {...rest}
    >
      <path d={paths[name]} />
    </svg>
  );
}

export function Logo({ size = 24 }: { size?: number }) {
  return (
    <svg
      width={size} height={size} viewBox="0 0 32 32" fill="none" stroke="var(--brass)" strokeLinecap="round"
      strokeLinejoin="round" aria-hidden="true" focusable="false"
    >
      <path d="M16 2.6 18 8.8 24.2 10.8 18 12.8 16 19 14 12.8 7.8 10.8 14 8.8Z" fill="var(--brass)" stroke="none" />
      <path d="M3.6 19.4a14.6 14.6 0 0 0 24.8 0" strokeWidth={2.6} />
      <path d="M16 26.3v3.2M9.3 24.4l-1.5 2.8M22.7 24.4l1.5 2.8" strokeWidth={1.8} />
    </svg>
  );
}
