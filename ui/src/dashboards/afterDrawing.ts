/**
 * What a dashboard can do without until its panels show something: the tools over each panel, which nobody sees before a
 * pointer or the focus comes. They are made once no panel has been drawn for a moment, all together.
 */
import { useSyncExternalStore } from 'react';

const kQuietMs = 300;

let isQuiet = false;
let timer: number | undefined;
let lastMs = 0; // when a panel was drawn
const changed = new EventTarget();

function becomeQuiet(): void {
  isQuiet = true;
  changed.dispatchEvent(new Event('change'));
}

/** A panel is drawn: what waits waits on. */
export function noteDrawn(): void {
  if (isQuiet) return;
  lastMs = performance.now();
  timer ??= window.setTimeout(look, kQuietMs);
}

function look(): void {
  const restMs = lastMs + kQuietMs - performance.now();
  timer = restMs > 0 ? window.setTimeout(look, restMs) : undefined;
  if (timer !== undefined) return;
  if (typeof window.requestIdleCallback === 'function') window.requestIdleCallback(becomeQuiet, { timeout: 1000 });
  else becomeQuiet();
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
  noteDrawn();
}
