/** The box beside the pointer that charts put their values into. */
import css from './tooltip.module.css';

export interface TooltipLine {
  color?: string;
  name: string;
  value: string;
  near?: boolean;
}

export function createBox(): HTMLElement {
  const box = document.createElement('div');
  box.className = css['box'] ?? '';
  box.setAttribute('role', 'tooltip');
  box.hidden = true;
  document.body.append(box);
  return box;
}

/** Replaces what the box says; `left` lines more were left out. */
export function fillBox(box: HTMLElement, title: string, lines: TooltipLine[], left = 0): void {
  const head = document.createElement('div');
  head.className = css['time'] ?? '';
  head.textContent = title;
  const rows = lines.map(({ color, name, value, near }) => {
    const row = document.createElement('div');
    row.className = near === true ? `${css['row']} ${css['near']}` : (css['row'] ?? '');
    const swatch = document.createElement('i');
    if (color !== undefined) swatch.style.background = color;
    const label = document.createElement('span');
    label.textContent = name;
    const text = document.createElement('b');
    text.textContent = value;
    row.append(swatch, label, text);
    return row;
  });
  if (left > 0) {
    const more = document.createElement('div');
    more.className = css['more'] ?? '';
    more.textContent = `and ${left} more`;
    rows.push(more);
  }
  box.replaceChildren(head, ...rows);
}

/** Beside the pointer, wherever the window has room. */
export function placeBox(box: HTMLElement, event: MouseEvent): void {
  const { width, height } = box.getBoundingClientRect();
  const right = event.clientX + 16;
  const left = right + width > window.innerWidth - 8 ? event.clientX - width - 16 : right;
  const top = Math.min(Math.max(8, event.clientY + 12), window.innerHeight - height - 8);
  box.style.transform = `translate(${Math.max(8, left)}px, ${Math.max(8, top)}px)`;
}
