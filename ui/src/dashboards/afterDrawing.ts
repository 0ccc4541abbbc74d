/**
 * What a dashboard can do without until its panels show something: the tools over each panel, which nobody sees before a
 * pointer or the focus comes. They are made once no panel has been drawn for a moment, all together.
 */
import { useSyncExternalStore } from 'react';

const kQuietMs = 300;

let isQuiet = false;
let timer: number | undefined;
const changed = new EventTarget();

function becomeQuiet(): void {
  isQuiet = true;
  changed.dispatchEvent(new Event('change'));
}

/** A panel is drawn: what waits waits on. */
export function noteDrawn(): void {
  if (isQuiet) return;
  window.clearTimeout(timer);
  timer = window.setTimeout(() => (typeof window.requestIdleCallback === 'function' ? window.requestIdleCallback(becomeQuiet, { timeout: 1000 }) : becomeQuiet()), kQuietMs);
}

/** False until the panels that are drawn together are. */
export function useIsQuiet(): boolean {
  return useSyncExternalStore(
    (listener) => {
      changed.addEventListener('change', listener);
      return () => changed.removeEventListener('change', listener);
    },
    () => isQuiet,
  );
}

/** A dashboard is opened: its panels come first again. */
export function beginDrawing(): void {
  isQuiet = false;
  window.clearTimeout(timer);
  noteDrawn();
}
