/** One's own: name and password, where one is logged in, and what one prefers. */
import { useState } from 'react';
import type { ReactNode } from 'react';
import { readVisitor } from '../api/login';
import { keepPreferences, localPreferences } from '../app/preferences';
import { searchDashboards } from '../api/dashboards';
import { changeMyPassword, endSession, getMySessions, getMyUser, renameMyself } from '../api/users';
import type { Preferences, User } from '../api/users';
import { useResource } from '../api/useResource';
import { Badge, Button, PageBar } from '../components/Controls';
import { textOf } from '../components/FormDialog';
import { Loading, Notice, PageError } from '../components/States';
import { formatDateTime } from '../time/format';
import { AdminTabs } from './AdminTabs';
import { useChange } from './useChange';
import css from './Admin.module.css';

export default function ProfilePage() {
  const visitor = readVisitor(document);
  return (
    <div className={css.page}>
      <PageBar title="Profile"><AdminTabs here="/profile" /></PageBar>
      <div className={css.content}>
        {visitor === 'off' && <Notice tone="info" title="Users are off">Everybody who reaches this server may do everything. A grafana.ini that sextant.yaml names switches them on; what you prefer is kept in this browser.</Notice>}
        {visitor === 'anonymous' && <Notice tone="info" title="You are not logged in">What you prefer is kept in this browser.</Notice>}
        <div className={css.columns}>
          <PreferencesSection />
          {visitor === 'user' && <Myself />}
        </div>
        {visitor === 'user' && <Sessions />}
      </div>
    </div>
  );
}

interface FormSectionProps {
  title: string;
  action: string;
  onSubmit: (fields: FormData) => Promise<unknown>;
  children: ReactNode;
}

/** A form that says below its button what became of it. */
function FormSection({ title, action, onSubmit, children }: FormSectionProps) {
  const [outcome, setOutcome] = useState<{ done: boolean; text: string }>();
  const [busy, setBusy] = useState(false);
  const submit = async (form: HTMLFormElement) => {
    setBusy(true);
    try {
      await onSubmit(new FormData(form));
      setOutcome({ done: true, text: 'Saved.' });
    } catch (error) {
      setOutcome({ done: false, text: error instanceof Error ? error.message : String(error) });
    }
    setBusy(false);
  };
  return (
    <section className={css.section} aria-label={title}>
      <h2>{title}</h2>
      <form className={css.form} onSubmit={(event) => { event.preventDefault(); void submit(event.currentTarget); }}>
        {children}
        <div className={css.row}>
          <Button type="submit" disabled={busy}>{action}</Button>
          {outcome?.done === true && <span role="status">{outcome.text}</span>}
        </div>
        {outcome?.done === false && <Notice tone="bad" title="Not saved">{outcome.text}</Notice>}
      </form>
    </section>
  );
}

function PreferencesSection() {
  const [wanted] = useState(localPreferences);
  const { data } = useResource((signal) => searchDashboards(signal), [], { heedsRefresh: false });
  const known = data?.some((one) => one.uid === wanted.homeDashboardUID) === true;
  const save = (fields: FormData) => keepPreferences({
    theme: textOf(fields, 'theme') as Preferences['theme'], homeDashboardUID: textOf(fields, 'home'), timezone: textOf(fields, 'timezone') as Preferences['timezone'],
  });
  return (
    <FormSection title="Preferences" action="Save preferences" onSubmit={save}>
      <label>Theme<select name="theme" defaultValue={wanted.theme}><option value="">As the system</option><option value="light">Light</option><option value="dark">Dark</option></select></label>
      <label key={data === undefined ? 'loading' : 'loaded'}>
        Home dashboard
        <select name="home" defaultValue={wanted.homeDashboardUID}>
          <option value="">Home, this machine</option>
          {wanted.homeDashboardUID !== '' && !known && <option value={wanted.homeDashboardUID}>{wanted.homeDashboardUID}</option>}
          {data?.map((one) => <option key={one.uid} value={one.uid}>{one.folder === '' ? one.title : `${one.folder} / ${one.title}`}</option>)}
        </select>
      </label>
      <label>Time zone of dashboards that name none<select name="timezone" defaultValue={wanted.timezone}><option value="">The browser’s</option><option value="utc">UTC</option></select></label>
    </FormSection>
  );
}

function Myself() {
  const { data, error, reload } = useResource((signal) => getMyUser(signal), [], { heedsRefresh: false });
  if (error !== undefined) return <PageError title="Your names could not be read" error={error} />;
  if (data === undefined) return <Loading what="your names" />;
  return <><Names user={data} saved={reload} />{!data.isExternal && <Password />}</>;
}

function Names({ user, saved }: { user: User; saved: () => void }) {
  const save = (fields: FormData) => renameMyself({ login: user.isExternal ? user.login : textOf(fields, 'login'), name: textOf(fields, 'name'), email: textOf(fields, 'email') }).then(saved);
  return (
    <FormSection title={`${user.login}, ${user.role}`} action="Save names" onSubmit={save}>
      <label>Login<input name="login" defaultValue={user.login} required autoComplete="username" disabled={user.isExternal} spellCheck={false} /></label>
      <label>Name<input name="name" defaultValue={user.name} autoComplete="name" /></label>
      <label>Email<input name="email" type="email" defaultValue={user.email} autoComplete="email" /></label>
    </FormSection>
  );
}

function Password() {
  const save = async (fields: FormData) => {
    if (textOf(fields, 'new') !== textOf(fields, 'again')) throw new Error('The new password is not the same twice.');
    await changeMyPassword(textOf(fields, 'old'), textOf(fields, 'new'));
  };
  return (
    <FormSection title="Password" action="Change password" onSubmit={save}>
      <label>Old password<input name="old" type="password" required autoComplete="current-password" /></label>
      <label>New password<input name="new" type="password" required minLength={4} autoComplete="new-password" /></label>
      <label>New password again<input name="again" type="password" required autoComplete="new-password" /></label>
    </FormSection>
  );
}

function Sessions() {
  const { data, error, reload } = useResource((signal) => getMySessions(signal), []);
  const { problem, change } = useChange(reload);
  return (
    <section className={css.section} aria-label="Sessions">
      <h2>Where you are logged in</h2>
      <PageError title="The sessions could not be read" error={error} />
      {problem !== undefined && <Notice tone="bad" title="Not done">{problem}</Notice>}
      {data !== undefined && (
        <div className={css.scroll}>
          <table className={css.table} aria-label="Sessions">
            <thead><tr><th scope="col">Browser</th><th scope="col">Address</th><th scope="col">Since</th><th scope="col">Last seen</th><th scope="col">Change</th></tr></thead>
            <tbody>
              {data.map((session) => (
                <tr key={session.id}>
                  <td>{[session.browser, session.os].filter((part) => part !== '').join(' on ') || 'Unknown'}</td>
                  <td>{session.address}</td>
                  <td>{formatDateTime(Date.parse(session.createdAt))}</td>
                  <td>{formatDateTime(Date.parse(session.seenAt))}</td>
                  <td>{session.isActive ? <Badge tone="ok">this one</Badge> : <Button kind="quiet" aria-label={`Sign out session ${session.id}`} onClick={() => change(() => endSession(session.id))}>Sign out</Button>}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}
