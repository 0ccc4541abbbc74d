/** Panel types by the name that documents use. A type that is not here says so on the page. */
import { bargauge } from './bargauge';
import { gauge } from './gauge';
import type { PanelKind } from './panel';
import { stat } from './stat';
import { table } from './table';
import { text } from './text';
import { timeseries } from './timeseries';

export const panelKinds: ReadonlyMap<string, PanelKind> = new Map(Object.entries({ bargauge, gauge, stat, table, text, timeseries }));
