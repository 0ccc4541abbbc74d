/**
 * Loads something when the dependencies change, again on a timer while the page is visible, and on demand. A new load
 * aborts the one before it; the last good data stays while a later load fails.
 */
import { useCallback, useEffect, useRef, useState } from 'react';
import type { DependencyList } from 'react';
import { isAbort } from './client';

export interface Resource<T> {
  data: T | undefined;
  error: Error | undefined;
  loading: boolean;
  /** When `data` arrived, milliseconds. */
  loadedAtMs: number;
  reload: () => void;
  /** Gives up the load that is under way. */
  stop: () => void;
}

const kRefreshEvent = 'sextant:refresh';

/** Loads everything on the page again. */
export function refreshAll(): void {
  window.dispatchEvent(new Event(kRefreshEvent));
}

/** Calls back when everything on the page is to be loaded again. */
export function useRefreshAll(refresh: () => void): void {
  useEffect(() => {
    window.addEventListener(kRefreshEvent, refresh);
    return () => window.removeEventListener(kRefreshEvent, refresh);
  }, [refresh]);
}

interface Options {
  /** Pause between loads; absent or 0: no timer. */
  everyMs?: number;
  /** False where the dependencies already change when the page is refreshed. */
  heedsRefresh?: boolean;
}

export function useResource<T>(
  load: (signal: AbortSignal) => Promise<T>,
  dependencies: DependencyList,
  { everyMs = 0, heedsRefresh = true }: Options = {},
): Resource<T> {
  const [state, setState] = useState<{ data?: T; error?: Error; loading: boolean; loadedAtMs: number }>({
    loading: true,
    loadedAtMs: 0,
  });
  const running = useRef<AbortController>(undefined);
  const latestLoad = useRef(load);
  latestLoad.current = load;

  const reload = useCallback(() => {
    running.current?.abort();
    const controller = new AbortController();
    running.current = controller;
    setState((before) => (before.loading ? before : { ...before, loading: true }));
    latestLoad.current(controller.signal).then(
      (data) => {
        if (!controller.signal.aborted) setState({ data, loading: false, loadedAtMs: Date.now() });
      },
      (error: unknown) => {
        if (controller.signal.aborted || isAbort(error)) return;
        const shown = error instanceof Error ? error : new Error(String(error));
        setState((before) => ({ ...before, error: shown, loading: false }));
      },
    );
  }, []);

  const stop = useCallback(() => {
    running.current?.abort();
    setState((before) => ({ ...before, loading: false }));
  }, []);

  useEffect(() => {
    reload();
    return () => running.current?.abort();
    // The caller's list decides when to load again.
  }, [reload, ...dependencies]);

  useEffect(() => {
    if (everyMs <= 0) return;
    const timer = window.setInterval(() => {
      if (!document.hidden) reload();
    }, everyMs);
    const shown = () => {
      if (!document.hidden) reload();
    };
    document.addEventListener('visibilitychange', shown);
    return () => {
      window.clearInterval(timer);
      document.removeEventListener('visibilitychange', shown);
    };
  }, [everyMs, reload]);

  useRefreshAll(useCallback(() => { if (heedsRefresh) reload(); }, [heedsRefresh, reload]));

  return { data: state.data, error: state.error, loading: state.loading, loadedAtMs: state.loadedAtMs, reload, stop };
}
