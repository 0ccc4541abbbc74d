import { useState } from 'react';
import type { FormEvent } from 'react';
import { toBrowser } from '../api/basePath';
import { destinationAfterLogin, logIn } from '../api/login';
import { Button } from '../components/Controls';
import { Logo } from '../components/icons';
import { Notice } from '../components/States';
import css from './LoginPage.module.css';

export default function LoginPage() {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string>();

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const fields = new FormData(event.currentTarget);
    setBusy(true);
    try {
      await logIn(String(fields.get('user') ?? ''), String(fields.get('password') ?? ''));
      window.location.assign(toBrowser(destinationAfterLogin(window.location.search)));
    } catch (failure) {
      setError(failure instanceof Error ? failure.message : String(failure));
      setBusy(false);
    }
  }

  return (
    <main className={css.page}>
      <form className={css.card} onSubmit={(event) => void submit(event)} aria-labelledby="login-title">
        <div className={css.brand}><Logo size={32} /><h1 id="login-title">Log in to Sextant</h1></div>
        {error !== undefined && <Notice tone="bad">{error}</Notice>}
        <label className={css.field}>
          User or email
          <input name="user" autoComplete="username" autoCapitalize="none" spellCheck={false} required autoFocus />
        </label>
        <label className={css.field}>
          Password
          <input name="password" type="password" autoComplete="current-password" required />
        </label>
        <Button type="submit" kind="primary" disabled={busy}>{busy ? 'Logging in…' : 'Log in'}</Button>
      </form>
    </main>
  );
}
