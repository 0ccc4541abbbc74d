import { createContext, useContext, useLayoutEffect, useRef, useState } from 'react';
import type { RefObject } from 'react';
import { observeSize } from './observeSize';
import type { Size } from './observeSize';

const kUnknown: Size = { width: 0, height: 0 };

/** The room around what is drawn, as far as it is known already: what fills it need not be drawn twice to learn its own size. */
export const Room = createContext<RefObject<Size>>({ current: kUnknown });

/** Keeps the room inside an element at hand without drawing anything anew. */
export function useRoom<T extends HTMLElement>(): [RefObject<T | null>, RefObject<Size>] {
  const element = useRef<T>(null);
  const size = useRef(kUnknown);
  useLayoutEffect(() => (element.current === null ? undefined : observeSize(element.current, (_size, content) => { size.current = content; })), []);
  return [element, size];
}

/** The inner size of an element in CSS pixels, 0×0 until it is known. */
export const useSize = <T extends HTMLElement>(): [RefObject<T | null>, Size] => useSizeFrom<T>(kUnknown);

/** The same of one that fills its room, known from the beginning. */
export const useFilling = <T extends HTMLElement>(): [RefObject<T | null>, Size] => useSizeFrom<T>(useContext(Room).current);

function useSizeFrom<T extends HTMLElement>(first: Size): [RefObject<T | null>, Size] {
  const element = useRef<T>(null);
  const [size, setSize] = useState(first);
  useLayoutEffect(() => {
    if (element.current === null) return;
    return observeSize(element.current, (next) => setSize((before) => (before.width === next.width && before.height === next.height ? before : next)));
  }, []);
  return [element, size];
}
