/**
 * A page whose code comes when it is first shown. React's own lazy() holds what comes soon after a placeholder back until that
 * stood for 300 ms, and shows the placeholder even when the code is there.
 */
import { useEffect, useState } from 'react';
import type { ComponentType } from 'react';
import { Loading } from '../components/States';

export function lazyPage(what: string, load: () => Promise<{ default: ComponentType }>): ComponentType {
  let Loaded: ComponentType | undefined;
  return function LazyPage() {
    const [, setTurn] = useState(0);
    useEffect(() => {
      if (Loaded !== undefined) return;
      let wanted = true;
      load().then(
        (module) => {
          Loaded = module.default;
          if (wanted) setTurn((turn) => turn + 1);
        },
        (error: unknown) => { if (wanted) setTurn(() => { throw error; }); }, // for the boundary around the page
      );
      return () => { wanted = false; };
    }, []);
    return Loaded === undefined ? <Loading what={what} patient /> : <Loaded />;
  };
}
