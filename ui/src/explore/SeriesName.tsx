import type { Labels } from '../api/types';
import css from './SeriesName.module.css';

/** A series as PromQL writes it, name and labels in different weights. */
export function SeriesName({ labels }: { labels: Labels }) {
  const { __name__: name, ...rest } = labels;
  const entries = Object.entries(rest);
  if (name === undefined && entries.length === 0) return <span className={css.none}>{'{}'}</span>;
  return (
    <span className={css.series}>
      {name !== undefined && <span className={css.name}>{name}</span>}
      {entries.length > 0 && (
        <>
          <span className={css.mark}>{'{'}</span>
          {entries.map(([label, value], index) => (
            <span key={label}>
              {index > 0 && <span className={css.mark}>, </span>}
              <span className={css.label}>{label}</span>
              <span className={css.mark}>=</span>
              <span className={css.value}>{JSON.stringify(value)}</span>
            </span>
          ))}
          <span className={css.mark}>{'}'}</span>
        </>
      )}
    </span>
  );
}

export function seriesText(labels: Labels): string {
  const { __name__: name = '', ...rest } = labels;
  const inner = Object.entries(rest).map(([label, value]) => `${label}=${JSON.stringify(value)}`).join(', ');
  return inner === '' && name !== '' ? name : `${name}{${inner}}`;
}
