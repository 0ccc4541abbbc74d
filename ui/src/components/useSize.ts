import { useEffect, useRef, useState } from 'react';
import type { RefObject } from 'react';
import { observeSize } from './observeSize';
import type { Size } from './observeSize';

/** The inner size of an element in CSS pixels, 0×0 until it is known. */
export function useSize<T extends HTMLElement>(): [RefObject<T | null>, Size] {
  const element = useRef<T>(null);
  const [size, setSize] = useState<Size>({ width: 0, height: 0 });
  useEffect(() => {
    if (element.current === null) return;
    return observeSize(element.current, (next) => setSize((before) => (before.width === next.width && before.height === next.height ? before : next)));
  }, []);
  return [element, size];
}
