/** Which panels are near the visible part of the page: one observer for all, so that those that come into view together are told together. */
export const kMarginPx = 200;

const told = new WeakMap<Element, (inView: boolean) => void>();
let observer: IntersectionObserver | undefined;

/** Calls back when the element comes into view or leaves it, until the returned function is called. */
export function watch(element: Element, tell: (inView: boolean) => void): () => void {
  observer ??= new IntersectionObserver((entries) => {
    for (const entry of entries) told.get(entry.target)?.(entry.isIntersecting);
  }, { rootMargin: `${kMarginPx}px` });
  told.set(element, tell);
  observer.observe(element);
  return () => {
    told.delete(element);
    observer?.unobserve(element);
  };
}
