import { setSearch, useAddress } from '../app/router';
import { getFlags } from '../api/prometheus';
import { useResource } from '../api/useResource';
import { PageBar, Search, Spacer } from '../components/Controls';
import { Empty, Loading, PageError } from '../components/States';
import { matching } from './facts';
import { StatusTabs } from './StatusTabs';
import css from './StatusPage.module.css';

/** The flags that the server was started with, the defaults too. */
export default function FlagsPage() {
  const { search } = useAddress();
  const text = new URLSearchParams(search).get('search') ?? '';
  const { data, error } = useResource((signal) => getFlags(signal), []);
  const flags = matching(Object.entries(data ?? {}).sort(([a], [b]) => a.localeCompare(b)), text, ([name, value]) => `--${name} ${value}`);
  return (
    <div className={css.page}>
      <PageBar title="Flags">
        <StatusTabs of="server" here="/flags" />
        <Spacer />
        <Search label="Search flags" value={text} onChange={(value) => setSearch(new URLSearchParams(value === '' ? {} : { search: value }), { replace: true })} />
      </PageBar>
      <div className={css.content}>
        <PageError title="The flags could not be read" error={error} />
        {data === undefined && error === undefined && <Loading what="flags" />}
        {data !== undefined && flags.length === 0 && <Empty title="No flag matches">Change the search.</Empty>}
        {flags.length > 0 && (
          <section className={css.section}>
            <table className={css.table} aria-label="Flags">
              <thead><tr><th scope="col">Flag</th><th scope="col">Value</th></tr></thead>
              <tbody>{flags.map(([name, value]) => <tr key={name}><td className={css.mono}>--{name}</td><td className={css.mono}>{value === '' ? <span className={css.faint}>empty</span> : value}</td></tr>)}</tbody>
            </table>
          </section>
        )}
      </div>
    </div>
  );
}
