import { getConfigText } from '../api/prometheus';
import { useResource } from '../api/useResource';
import { Dialog } from '../components/Dialog';
import { Loading, Notice } from '../components/States';
import { cutScrapeConfig } from './pools';
import type { Pool } from './pools';
import css from './TargetsPage.module.css';

/** What the pool is scraped with: its part of the running configuration, and what its targets say themselves. */
export function ScrapeConfig({ pool, close }: { pool: Pool; close: () => void }) {
  const { data, error } = useResource((signal) => getConfigText(signal), []);
  const text = data === undefined ? undefined : cutScrapeConfig(data, pool.name);
  const first = pool.targets[0];
  return (
    <Dialog title={`Scrape config of ${pool.name}`} close={close}>
      {first !== undefined && (
        <p className={css.configFacts}>
          {pool.total} {pool.total === 1 ? 'target' : 'targets'}, every {first.scrapeInterval}, timeout {first.scrapeTimeout}
        </p>
      )}
      {data === undefined && error === undefined && <Loading what="the configuration" />}
      {error !== undefined && <Notice tone="info">The server does not show its configuration ({error.message}).</Notice>}
      {text !== undefined && <pre className={css.config}>{text}</pre>}
      {data !== undefined && text === undefined && <Notice tone="info">This pool is built in: no section of the configuration describes it.</Notice>}
    </Dialog>
  );
}
