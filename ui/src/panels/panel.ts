/** What every panel type is given and what it declares about itself. */
import type { ComponentType } from 'react';
import type { DataFrame, GrafanaTheme2 } from '../grafana';
import type { Mark } from '../dashboards/annotations';
import type { Panel } from '../dashboards/model';
import type { PanelExemplar } from '../dashboards/exemplars';
import type { ResolvedRange } from '../time/range';

export type Replace = (text: string, scope?: Record<string, { value?: unknown } | undefined>, format?: unknown) => string;

export interface PanelProps {
  panel: Panel;
  /** Prepared: every field can display itself. */
  frames: DataFrame[];
  theme: GrafanaTheme2;
  range: ResolvedRange;
  utc: boolean;
  /** Charts with the same key share their cursor. */
  syncKey: string | undefined;
  onZoom: (fromMs: number, toMs: number) => void;
  replace: Replace;
  /** Events to be drawn along the time axis. */
  marks: Mark[];
  /** Single observations beside the series, for kinds that take them. */
  exemplars: PanelExemplar[];
}

export interface PanelKind {
  Component: ComponentType<PanelProps>;
  /** The colour mode where the document names none. */
  colorMode: string;
  /** False for panels that show something of their own. */
  asks: boolean;
  /** Draws native histograms; everything else wants numbers. */
  takesHistograms?: boolean;
  /** Draws exemplars; for others none are asked for. */
  takesExemplars?: boolean;
}
