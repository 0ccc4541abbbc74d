/** Colours for the canvas: gradients and fills take no color-mix() and no custom properties. */

const known = new Map<string, string>();

/** Any CSS colour as plain numbers, asked of the browser once. */
export function plain(color: string): string {
  let found = known.get(color);
  if (found === undefined) {
    const probe = document.createElement('span');
    probe.style.color = color;
    document.body.append(probe);
    found = window.getComputedStyle(probe).color;
    probe.remove();
    if (known.size > 5000) known.clear();
    known.set(color, found);
  }
  return found;
}

export function withOpacity(color: string, opacity: number): string {
  return `color-mix(in srgb, ${color} ${Math.round(opacity * 100)}%, transparent)`;
}
