/** The text of a target's answer, for people who look for something in it. */

/** The lines that hold `text`, whatever the case; all for an empty one. */
export function linesWith(body: string, text: string): string[] {
  const lines = body.replace(/\r?\n$/, '').split('\n');
  const sought = text.trim().toLowerCase();
  return sought === '' ? lines : lines.filter((line) => line.toLowerCase().includes(sought));
}

export const shownBytes = (body: string): number => new TextEncoder().encode(body).length;
