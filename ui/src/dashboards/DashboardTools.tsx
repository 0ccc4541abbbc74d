/** A dashboard's links to elsewhere and the switches of its annotations. */
import { toBrowser } from '../api/basePath';
import { searchDashboards } from '../api/dashboards';
import { useResource } from '../api/useResource';
import { Icon } from '../components/icons';
import { Popover } from '../components/Popover';
import { Loading } from '../components/States';
import { safeUrl } from '../panels/options';
import type { TimeRange } from '../time/range';
import { forReading, interpolate } from './interpolate';
import type { Values } from './interpolate';
import { linkAddress } from './links';
import type { Annotation, DashboardLink } from './model';
import type { Resolved } from './variables';
import css from './DashboardTools.module.css';

interface AnnotationSwitchesProps {
  annotations: Annotation[];
  switched: ReadonlySet<string>;
  failures: ReadonlyMap<string, string>;
  onSwitch: (name: string) => void;
}

export function AnnotationSwitches({ annotations, switched, failures, onSwitch }: AnnotationSwitchesProps) {
  const shown = annotations.filter((one) => !one.hidden);
  if (shown.length === 0) return null;
  return (
    <div className={css.switches} role="group" aria-label="Annotations">
      {shown.map((one) => {
        const problem = one.problem === undefined ? failures.get(one.name) : `Not shown: ${one.problem}.`;
        return (
          <label key={one.name} className={css.switch} title={problem}>
            <input type="checkbox" checked={one.problem === undefined && one.enabled !== switched.has(one.name)} disabled={one.problem !== undefined} onChange={() => onSwitch(one.name)} />
            {one.name}
            {problem !== undefined && <Icon name="warning" size={12} role="img" aria-hidden={false} aria-label={problem} />}
          </label>
        );
      })}
    </div>
  );
}

interface DashboardLinksProps {
  links: DashboardLink[];
  values: Values;
  range: TimeRange;
  variables: Resolved[];
}

export function DashboardLinks({ links, values, range, variables }: DashboardLinksProps) {
  return links.map((link, index) => {
    const title = interpolate(link.title, values, forReading);
    if (link.type === 'dashboards') {
      return (
        <Popover key={index} label={title === '' ? 'Dashboards' : title} buttonClass={css.button ?? ''} align="right" title={link.tooltip} button={<>{title === '' ? 'Dashboards' : title}<Icon name="chevron" size={12} /></>}>
          {(close) => <TaggedDashboards link={link} values={values} range={range} variables={variables} close={close} />}
        </Popover>
      );
    }
    const url = safeUrl(linkAddress(link, values, range, variables));
    if (url === undefined) return null;
    return <a key={index} className={css.button} href={url} target={link.targetBlank ? '_blank' : undefined} rel="noreferrer" title={link.tooltip}>{title === '' ? url : title}</a>;
  });
}

const kListedMax = 100;

function TaggedDashboards({ link, values, range, variables, close }: Omit<DashboardLinksProps, 'links'> & { link: DashboardLink; close: () => void }) {
  const { data, error } = useResource((signal) => searchDashboards(signal), []);
  if (error !== undefined) return <p className={css.empty}>{error.message}</p>;
  if (data === undefined) return <Loading what="dashboards" />;
  const found = data.filter((one) => link.tags.every((tag) => one.tags.includes(tag)));
  if (found.length === 0) return <p className={css.empty}>No dashboard has {link.tags.length > 1 ? 'the tags' : 'the tag'} {link.tags.join(', ')}.</p>;
  return (
    <ul className={css.menu}>
      {found.slice(0, kListedMax).map((one) => (
        <li key={one.uid}><a href={toBrowser(linkAddress({ ...link, url: `/d/${encodeURIComponent(one.uid)}` }, values, range, variables))} target={link.targetBlank ? '_blank' : undefined} onClick={close}>{one.title}</a></li>
      ))}
    </ul>
  );
}
