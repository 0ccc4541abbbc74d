/**
 * Sizes of elements, told by one observer for the whole page: all that changed in a frame are told together, after the layout,
 * so that nobody has to ask for it and have it done anew.
 */
export interface Size {
  width: number;
  height: number;
}

type Tell = (size: Size, content: Size) => void;

const told = new WeakMap<Element, Tell>();
let observer: ResizeObserver | undefined;

/**
 * Calls back with the inner size in CSS pixels, and with that without the padding, first as soon as they are known, until the
 * returned function is called.
 */
export function observeSize(element: Element, tell: Tell): () => void {
  observer ??= new ResizeObserver((entries) => {
    // All sizes before anybody acts on one: what is changed between two looks would be laid out for the second.
    const sizes = entries.map(({ target }) => ({ width: target.clientWidth, height: target.clientHeight }));
    entries.forEach(({ target, contentRect }, index) => told.get(target)?.(sizes[index] ?? { width: 0, height: 0 }, { width: Math.round(contentRect.width), height: Math.round(contentRect.height) }));
  });
  told.set(element, tell);
  observer.observe(element);
  return () => {
    told.delete(element);
    observer?.unobserve(element);
  };
}
