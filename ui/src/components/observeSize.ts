/**
 * Sizes of elements, told by one observer for the whole page: all that changed in a frame are told together, after the layout,
 * so that nobody has to ask for it and have it done anew.
 */
export interface Size {
  width: number;
  height: number;
}

const told = new WeakMap<Element, (size: Size) => void>();
let observer: ResizeObserver | undefined;

/** Calls back with the inner size in CSS pixels, first as soon as it is known, until the returned function is called. */
export function observeSize(element: Element, tell: (size: Size) => void): () => void {
  observer ??= new ResizeObserver((entries) => {
    // All sizes before anybody acts on one: what is changed between two looks would be laid out for the second.
    const sizes = entries.map(({ target }) => ({ width: target.clientWidth, height: target.clientHeight }));
    entries.forEach(({ target }, index) => told.get(target)?.(sizes[index] ?? { width: 0, height: 0 }));
  });
  told.set(element, tell);
  observer.observe(element);
  return () => {
    told.delete(element);
    observer?.unobserve(element);
  };
}
