/** All dashboards of the server, to be searched by words and narrowed by tags. */
import { useEffect } from 'react';
import { Link, navigate, setSearch, useAddress } from '../app/router';
import { searchDashboards } from '../api/dashboards';
import { useResource } from '../api/useResource';
import { Button, PageBar, Search, Spacer } from '../components/Controls';
import { Empty, Loading, PageError } from '../components/States';
import { ImportDashboard } from './SaveDialogs';
import css from './DashboardsPage.module.css';

/** What shows a dashboard is most likely wanted next; it comes while nothing else does. */
function usePreparedDashboard(ready: boolean): void {
  useEffect(() => {
    if (!ready) return;
    const prepare = () => void import('./DashboardPage').catch(() => undefined); // asked for again when it is wanted
    if (typeof window.requestIdleCallback !== 'function') return prepare();
    const handle = window.requestIdleCallback(prepare);
    return () => window.cancelIdleCallback(handle);
  }, [ready]);
}

export default function DashboardsPage() {
  const { search } = useAddress();
  const parameters = new URLSearchParams(search);
  const text = parameters.get('search') ?? '';
  const tags = parameters.getAll('tag');
  const { data, error } = useResource((signal) => searchDashboards(signal), []);
  usePreparedDashboard(data !== undefined);
  const words = text.toLowerCase().split(/\s+/).filter((word) => word !== '');
  const found = (data ?? []).filter((one) => words.every((word) => `${one.title} ${one.folder}`.toLowerCase().includes(word)) && tags.every((tag) => one.tags.includes(tag)));
  const type = (value: string) => {
    if (value === '') parameters.delete('search');
    else parameters.set('search', value);
    setSearch(parameters, { replace: true });
  };
  const toggle = (tag: string) => {
    parameters.delete('tag');
    for (const one of tags.includes(tag) ? tags.filter((other) => other !== tag) : [...tags, tag]) parameters.append('tag', one);
    setSearch(parameters);
  };
  const withImport = (open: boolean) => {
    const next = new URLSearchParams(window.location.search);
    if (open) next.set('import', '1');
    else next.delete('import');
    return next;
  };
  return (
    <div className={css.page}>
      <PageBar title="Dashboards">
        {tags.map((tag) => <button key={tag} type="button" className={css.chosen} title="Remove this tag" onClick={() => toggle(tag)}>{tag} ×</button>)}
        <Button icon="plus" onClick={() => setSearch(withImport(true))}>Import</Button>
        <Spacer />
        <Search label="Search dashboards" value={text} onChange={type} />
      </PageBar>
      <div className={css.content}>
        <PageError title="The dashboards could not be listed" error={error} />
        {data === undefined && error === undefined && <Loading what="dashboards" />}
        {data !== undefined && data.length === 0 && <Empty title="No dashboards">The server has none to show.</Empty>}
        {data !== undefined && data.length > 0 && found.length === 0 && <Empty title="No dashboard matches">Change the search or the tags.</Empty>}
        {found.length > 0 && (
          <ul className={css.list} aria-label="Dashboards">
            {found.map((one) => (
              <li key={one.uid}>
                <Link to={`/d/${encodeURIComponent(one.uid)}`} className={css.title}>{one.title}</Link>
                {one.folder !== '' && <span className={css.folder}>{one.folder}</span>}
                <span className={css.tags}>{one.tags.map((tag) => <button key={tag} type="button" aria-pressed={tags.includes(tag)} onClick={() => toggle(tag)}>{tag}</button>)}</span>
              </li>
            ))}
          </ul>
        )}
      </div>
      {parameters.has('import') && <ImportDashboard close={() => setSearch(withImport(false), { replace: true })} saved={(uid) => navigate(`/d/${encodeURIComponent(uid)}`)} />}
    </div>
  );
}
