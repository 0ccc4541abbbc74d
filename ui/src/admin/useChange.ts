import { useState } from 'react';

/** Makes a change and calls `done`; what was refused stays as `problem` until the next change. */
export function useChange(done: () => void): { problem: string | undefined; change: (make: () => Promise<unknown>) => void } {
  const [problem, setProblem] = useState<string>();
  const change = (make: () => Promise<unknown>) => {
    make().then(
      () => setProblem(undefined),
      (error: unknown) => setProblem(error instanceof Error ? error.message : String(error)),
    ).finally(done);
  };
  return { problem, change };
}
