/** Calls back after a while. Those that begin to wait together share a timer, since there can be hundreds of them. */
const kPatienceMs = 1000; // below this a wait is not felt as one, and many marks that turn cost more than what is waited for

let together: Set<() => void> | undefined;

/** Until the returned function is called. */
export function afterPatience(act: () => void): () => void {
  if (together === undefined) {
    const acts = new Set<() => void>();
    together = acts;
    setTimeout(() => acts.forEach((one) => one()), kPatienceMs);
    queueMicrotask(() => { together = undefined; });
  }
  const waiting = together;
  waiting.add(act);
  return () => waiting.delete(act);
}
