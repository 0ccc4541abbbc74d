/** Which data sources this server can stand in for: everything that speaks Prometheus. */
import type { DataSourceRef } from './model';

/** Stands for the data of other panels. */
export const kDashboardSource = '-- Dashboard --';

/** The type of a data source that this server cannot stand in for, if the reference names one. */
export function foreignDataSource(reference: DataSourceRef | undefined): string | undefined {
  const type = reference?.type ?? '';
  const uid = reference?.uid ?? '';
  if (uid === kDashboardSource) return uid;
  // Mixed and Grafana's own carry no query themselves; each target names its source.
  return type === '' || type === 'mixed' || type === 'datasource' || type === 'grafana' || type.startsWith('$') || /prometheus|mimir|cortex|thanos/i.test(type) ? undefined : type;
}
