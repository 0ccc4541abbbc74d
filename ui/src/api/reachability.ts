/** Whether the server answers at all, learnt from every request the pages make. */
import { useSyncExternalStore } from 'react';

export type Reachability = { state: 'unknown' | 'reachable' } | { state: 'unreachable'; sinceMs: number; reason: string };

let current: Reachability = { state: 'unknown' };
const changed = new EventTarget();

export function reportReachable(): void {
  if (current.state === 'reachable') return;
  current = { state: 'reachable' };
  changed.dispatchEvent(new Event('change'));
}

export function reportUnreachable(reason: string): void {
  if (current.state === 'unreachable') return;
  current = { state: 'unreachable', sinceMs: Date.now(), reason };
  changed.dispatchEvent(new Event('change'));
}

export function useReachability(): Reachability {
  return useSyncExternalStore(
    (listener) => {
      changed.addEventListener('change', listener);
      return () => changed.removeEventListener('change', listener);
    },
    () => current,
  );
}
