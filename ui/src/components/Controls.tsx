/** The small controls all pages share: buttons, search, a row of filters with counts, badges, chips of labels. */
import type { ButtonHTMLAttributes, ReactNode } from 'react';
import type { Labels } from '../api/types';
import { Icon } from './icons';
import type { IconName } from './icons';
import type { Tone } from './States';
import css from './Controls.module.css';

type ButtonProps = ButtonHTMLAttributes<HTMLButtonElement> & { icon?: IconName; kind?: 'plain' | 'primary' | 'quiet' };

export function Button({ icon, kind = 'plain', children, className, ...rest }: ButtonProps) {
  const shape = children === undefined ? css.square : '';
  return (
    <button type="button" className={`${css.button} ${css[kind]} ${shape} ${className ?? ''}`} {...rest}>
      {icon !== undefined && <Icon name={icon} />}
      {children}
    </button>
  );
}

interface SearchProps {
  value: string;
  onChange: (value: string) => void;
  label: string;
}

export function Search({ value, onChange, label }: SearchProps) {
  return (
    <label className={css.search}>
      <Icon name="search" />
      <span className="visually-hidden">{label}</span>
      <input
        type="search" value={value} placeholder={label} spellCheck={false} data-search
        onChange={(event) => onChange(event.target.value)}
        onKeyDown={(event) => event.key === 'Escape' && event.currentTarget.blur()}
      />
    </label>
  );
}

export interface Choice<T extends string> {
  value: T;
  label: string;
  count?: number;
  tone?: Tone;
}

interface ChoicesProps<T extends string> {
  label: string;
  value: T;
  choices: Choice<T>[];
  onChange: (value: T) => void;
}

/** One of a few, all visible. */
export function Choices<T extends string>({ label, value, choices, onChange }: ChoicesProps<T>) {
  return (
    <div className={css.choices} role="group" aria-label={label}>
      {choices.map((choice) => (
        <button
          key={choice.value} type="button" className={css.choice} aria-pressed={choice.value === value}
          onClick={() => onChange(choice.value)}
        >
          {choice.tone !== undefined && choice.tone !== 'neutral' && <span className={`${css.dot} ${css[choice.tone]}`} aria-hidden="true" />}
          {choice.label}
          {choice.count !== undefined && <span className={css.count}>{choice.count}</span>}
        </button>
      ))}
    </div>
  );
}

export function Badge({ tone, children }: { tone: Tone; children: ReactNode }) {
  return (
    <span className={`${css.badge} ${css[`${tone}Badge`]}`}>
      <span className={`${css.dot} ${css[tone]}`} aria-hidden="true" />
      {children}
    </span>
  );
}

/** Labels as chips, name and value; the names in `without` are left out. */
export function LabelChips({ labels, without = [] }: { labels: Labels; without?: string[] }) {
  const entries = Object.entries(labels).filter(([name]) => !without.includes(name));
  return (
    <ul className={css.labels}>
      {entries.map(([name, value]) => (
        <li key={name} className={css.chip} title={`${name}="${value}"`}>
          <span className={css.chipName}>{name}</span>
          <span className={css.chipValue}>{value}</span>
        </li>
      ))}
    </ul>
  );
}

/** A heading row of a page: the title, filters, tools on the right. */
export function PageBar({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className={css.bar}>
      <h1 className={css.title}>{title}</h1>
      {children}
    </div>
  );
}

export const Spacer = () => <span className={css.spacer} />;
