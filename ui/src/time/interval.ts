/** The steps between points: what $__interval and $__rate_interval become, and what the query page asks with. */

const kNiceSteps: [belowMs: number, stepMs: number][] = [
  [10, 1], [15, 10], [35, 20], [75, 50], [150, 100], [350, 200], [750, 500], [1500, 1000], [3500, 2000], [7500, 5000],
  [12_500, 10_000], [17_500, 15_000], [25_000, 20_000], [45_000, 30_000], [90_000, 60_000], [210_000, 120_000],
  [450_000, 300_000], [750_000, 600_000], [1_050_000, 900_000], [1_500_000, 1_200_000], [2_700_000, 1_800_000],
  [5_400_000, 3_600_000], [9_000_000, 7_200_000], [16_200_000, 10_800_000], [32_400_000, 21_600_000],
  [86_400_000, 43_200_000], [604_800_000, 86_400_000], [1_814_400_000, 604_800_000], [3_628_800_000, 2_592_000_000],
];

/** The nearest step that reads well on a clock, as Grafana rounds. */
export function roundInterval(ms: number): number {
  for (const [below, step] of kNiceSteps) if (ms < below) return step;
  return 31_536_000_000;
}

/** The step for `points` points over the range, never below `minMs`. */
export function intervalFor(rangeMs: number, points: number, minMs: number): number {
  return Math.max(roundInterval(rangeMs / Math.max(1, points)), minMs);
}

/**
 * $__rate_interval: long enough that every window holds at least two scrapes and no increase between neighbouring windows
 * is lost.
 */
export function rateInterval(intervalMs: number, scrapeIntervalMs: number): number {
  return Math.max(intervalMs + scrapeIntervalMs, 4 * scrapeIntervalMs);
}

/** Range ends moved onto multiples of the step, so that a refresh asks for the same points again and lines stand still. */
export function alignToStep(fromMs: number, toMs: number, stepMs: number): { startMs: number; endMs: number } {
  return { startMs: Math.floor(fromMs / stepMs) * stepMs, endMs: Math.floor(toMs / stepMs) * stepMs };
}
