/** A button that opens a box under it: closed by Esc, by a click elsewhere and when the focus leaves. */
import { useEffect, useRef, useState } from 'react';
import type { ReactNode } from 'react';
import css from './Popover.module.css';

interface PopoverProps {
  /** Names the box, and the button together with what it shows. */
  label: string;
  /** What the button shows in words, where that is not the label. */
  shows?: string;
  button: ReactNode;
  buttonClass?: string;
  title?: string;
  align?: 'left' | 'right';
  children: (close: () => void) => ReactNode;
}

export function Popover({ label, shows = '', button, buttonClass, title, align = 'left', children }: PopoverProps) {
  const [open, setOpen] = useState(false);
  const root = useRef<HTMLDivElement>(null);
  const trigger = useRef<HTMLButtonElement>(null);
  const close = () => {
    setOpen(false);
    trigger.current?.focus();
  };
  useEffect(() => {
    if (!open) return;
    const pressed = (event: PointerEvent) => {
      if (!root.current?.contains(event.target as Node)) setOpen(false);
    };
    document.addEventListener('pointerdown', pressed);
    return () => document.removeEventListener('pointerdown', pressed);
  }, [open]);
  return (
    <div
      ref={root} className={css.root}
      onKeyDown={(event) => {
        if (event.key !== 'Escape' || !open) return;
        event.stopPropagation();
        close();
      }}
      onBlur={(event) => {
        if (event.relatedTarget instanceof Node && !root.current?.contains(event.relatedTarget)) setOpen(false);
      }}
    >
      <button
        ref={trigger} type="button" className={buttonClass} title={title} aria-label={shows === '' || shows === label ? label : `${label}: ${shows}`} aria-haspopup="dialog" aria-expanded={open}
        onClick={() => setOpen(!open)}
      >
        {button}
      </button>
      {open && <div className={`${css.box} ${css[align]}`} role="dialog" aria-label={label}>{children(close)}</div>}
    </div>
  );
}
