/** A box like the one beside the pointer that stays until it is closed, for what is to be read, copied or followed. */
import { createBox, fillBox, placeBox } from './tooltipBox';
import type { TooltipLine } from './tooltipBox';
import css from './tooltip.module.css';

/** Gives what closes it; Esc, a press outside and its own button do so too. */
export function keepOpen(label: string, title: string, lines: TooltipLine[], links: { title: string; href: string }[], event: MouseEvent): () => void {
  const box = createBox();
  box.classList.add(css['kept'] ?? '');
  box.setAttribute('role', 'dialog');
  box.setAttribute('aria-label', label);
  box.hidden = false;
  fillBox(box, title, lines);
  const before = document.activeElement;
  const close = () => {
    if (!box.isConnected) return;
    box.remove();
    document.removeEventListener('keydown', onKey, true);
    document.removeEventListener('pointerdown', onPress, true);
    if (before instanceof HTMLElement) before.focus();
  };
  const onKey = (pressed: KeyboardEvent) => {
    if (pressed.key !== 'Escape') return;
    pressed.stopPropagation();
    close();
  };
  const onPress = (pressed: PointerEvent) => { if (pressed.target instanceof Node && !box.contains(pressed.target)) close(); };
  document.addEventListener('keydown', onKey, true);
  document.addEventListener('pointerdown', onPress, true);
  const button = document.createElement('button');
  button.type = 'button';
  button.textContent = 'Close';
  button.addEventListener('click', close);
  const foot = document.createElement('div');
  foot.className = css['foot'] ?? '';
  foot.append(...links.map(linkTo), button);
  box.append(foot);
  placeBox(box, event);
  (foot.firstElementChild as HTMLElement).focus();
  return close;
}

function linkTo({ title, href }: { title: string; href: string }): HTMLAnchorElement {
  const link = document.createElement('a');
  link.href = href;
  link.target = '_blank';
  link.rel = 'noreferrer';
  link.textContent = title;
  return link;
}
