/** A dialog that asks for a few values and hands them on; what is refused is said in it, and it stays open. */
import { useState } from 'react';
import type { ReactNode } from 'react';
import { Button } from './Controls';
import { Dialog } from './Dialog';
import { Notice } from './States';
import css from './FormDialog.module.css';

interface FormDialogProps {
  title: string;
  /** On the button that sends it. */
  action: string;
  /** True for what cannot be taken back. */
  dangerous?: boolean;
  close: () => void;
  onSubmit: (fields: FormData) => Promise<unknown>;
  children?: ReactNode;
}

export function FormDialog({ title, action, dangerous = false, close, onSubmit, children }: FormDialogProps) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string>();
  const submit = async (form: HTMLFormElement) => {
    setBusy(true);
    try {
      await onSubmit(new FormData(form));
      close();
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
      setBusy(false);
    }
  };
  return (
    <Dialog title={title} close={close}>
      <form className={css.form} onSubmit={(event) => { event.preventDefault(); void submit(event.currentTarget); }}>
        {children}
        {problem !== undefined && <Notice tone="bad" title="Not done">{problem}</Notice>}
        <div className={css.row}>
          <Button type="submit" kind="primary" className={dangerous ? css.dangerous : ''} disabled={busy}>{action}</Button>
          <Button onClick={close}>Cancel</Button>
        </div>
      </form>
    </Dialog>
  );
}

interface FieldProps {
  label: string;
  name: string;
  value?: string;
  type?: 'text' | 'password' | 'email' | 'number';
  required?: boolean;
  autoComplete?: string;
  hint?: string;
  autoFocus?: boolean;
}

export function Field({ label, name, value = '', type = 'text', required = false, autoComplete = 'off', hint, autoFocus = false }: FieldProps) {
  return (
    <label className={css.field}>
      {label}
      <input name={name} type={type} defaultValue={value} required={required} autoComplete={autoComplete} spellCheck={false} autoFocus={autoFocus} />
      {hint !== undefined && <span className={css.hint}>{hint}</span>}
    </label>
  );
}

interface SelectFieldProps {
  label: string;
  name: string;
  value: string;
  choices: readonly { value: string; label: string }[];
}

export function SelectField({ label, name, value, choices }: SelectFieldProps) {
  return (
    <label className={css.field}>
      {label}
      <select name={name} defaultValue={value}>{choices.map((choice) => <option key={choice.value} value={choice.value}>{choice.label}</option>)}</select>
    </label>
  );
}

/** A form's value as text. */
export const textOf = (fields: FormData, name: string) => {
  const value = fields.get(name);
  return typeof value === 'string' ? value : '';
};
