/** The text of an answer, up to a size that a page survives. */

/** More than a page can hold as text and as what is made of it. */
export const kBodyBytesMax = 200e6;

export class TooLarge extends Error {}

/** Throws TooLarge when there is more than `most`; the rest is not read then. */
export async function textOf(response: Response, most = kBodyBytesMax): Promise<string> {
  const reader = response.body?.getReader();
  if (reader === undefined) return '';
  const decoder = new TextDecoder();
  const pieces: string[] = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return pieces.join('') + decoder.decode();
    size += value.length;
    if (size > most) {
      reader.cancel().catch(() => undefined);
      throw new TooLarge(`The answer is larger than ${Math.round(most / 1e6)} MB, which no page can show. Select fewer series, aggregate them, or ask for a shorter range.`);
    }
    pieces.push(decoder.decode(value, { stream: true }));
  }
}
