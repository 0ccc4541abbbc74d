/** The page without what stands around it, for screens that nobody operates: `?kiosk`, as Grafana writes it; Esc ends it. */
import { useEffect } from 'react';
import { setSearch, useAddress } from './router';

/** `tv` keeps the page's own bar. */
export function readKiosk(search: string): 'off' | 'tv' | 'full' {
  const value = new URLSearchParams(search).get('kiosk');
  if (value === null || value === '0' || value === 'false') return 'off';
  return value === 'tv' ? 'tv' : 'full';
}

export function withKiosk(search: string, on: boolean): URLSearchParams {
  const parameters = new URLSearchParams(search);
  if (on) parameters.set('kiosk', '1');
  else parameters.delete('kiosk');
  return parameters;
}

export function useKiosk(): 'off' | 'tv' | 'full' {
  const kiosk = readKiosk(useAddress().search);
  useEffect(() => {
    if (kiosk === 'off') return;
    const pressed = (event: KeyboardEvent) => {
      if (event.key === 'Escape' && !event.defaultPrevented && document.querySelector('[role=dialog]') === null) setSearch(withKiosk(window.location.search, false));
    };
    window.addEventListener('keydown', pressed);
    return () => window.removeEventListener('keydown', pressed);
  }, [kiosk]);
  return kiosk;
}
