/** Values with nothing on either side, which no line would show. */

type Values = ArrayLike<number | null | undefined>;

/** Whether the first value is followed by another one: with no gap after them, none is alone. */
function beginsAsLine(values: Values): boolean {
  let first = 0;
  while (first < values.length && values[first] == null) first++;
  return values[first + 1] != null;
}

/** Their indexes; `gaps` between values are known from drawing the line, where one was. */
export function lonePoints(values: Values, gaps?: readonly unknown[] | null): number[] | null {
  if (gaps?.length === 0 && beginsAsLine(values)) return null;
  const lone: number[] = [];
  for (let i = 0; i < values.length; i++) {
    if (values[i] != null && values[i - 1] == null && values[i + 1] == null) lone.push(i);
  }
  return lone;
}
