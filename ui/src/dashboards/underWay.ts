/** The questions of a dashboard that are not answered yet: how many there are, and a way to give them up. */
import { useEffect, useState, useSyncExternalStore } from 'react';

export class UnderWay {
  readonly #stops = new Set<() => void>();
  readonly #listeners = new Set<() => void>();

  get count(): number {
    return this.#stops.size;
  }

  /** The question began, and `stop` gives it up; what comes back is called when it ended. */
  begin(stop: () => void): () => void {
    const one = () => stop();
    this.#stops.add(one);
    this.#tell();
    return () => {
      if (this.#stops.delete(one)) this.#tell();
    };
  }

  stopAll(): void {
    for (const stop of [...this.#stops]) stop();
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}

/** Below this a wait is not felt as one. */
const kPatienceMs = 1000;

/** Whether something takes so long that the reader should see it. */
export function useLong(happens: boolean): boolean {
  const [long, setLong] = useState(false);
  useEffect(() => {
    if (!happens) return setLong(false);
    const timer = setTimeout(() => setLong(true), kPatienceMs);
    return () => clearTimeout(timer);
  }, [happens]);
  return long && happens;
}

const count = (underWay: UnderWay) => () => underWay.count;

export const useIsBusy = (underWay: UnderWay) => useLong(useSyncExternalStore(underWay.subscribe, count(underWay), count(underWay)) > 0);
