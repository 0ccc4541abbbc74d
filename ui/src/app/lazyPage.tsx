/**
 * A page whose code comes when it is first shown, or when it is begun before. React's own lazy() holds what comes soon after a
 * placeholder back until that stood for 300 ms, and shows the placeholder even when the code is there.
 */
import { useEffect, useState } from 'react';
import type { ComponentType } from 'react';
import { Loading } from '../components/States';

export type LazyPage = ComponentType & {
  /** Has the code come. */
  begin: () => void;
};

export function lazyPage(what: string, load: () => Promise<{ default: ComponentType }>): LazyPage {
  let Loaded: ComponentType | undefined;
  let loading: Promise<void> | undefined;
  // Code that does not come is asked for again the next time.
  const loadOnce = () => (loading ??= load().then((module) => { Loaded = module.default; }).finally(() => { loading = undefined; }));
  function Page() {
    const [, setTurn] = useState(0);
    useEffect(() => {
      if (Loaded !== undefined) return;
      let wanted = true;
      loadOnce().then(
        () => { if (wanted) setTurn((turn) => turn + 1); },
        (error: unknown) => { if (wanted) setTurn(() => { throw error; }); }, // for the boundary around the page
      );
      return () => { wanted = false; };
    }, []);
    return Loaded === undefined ? <Loading what={what} patient /> : <Loaded />;
  }
  return Object.assign(Page, { begin: () => void loadOnce().catch(() => undefined) });
}
