/** Users: who may get in and as what; made, renamed, given another password, shut out, removed. */
import { useState } from 'react';
import { setSearch, useAddress } from '../app/router';
import { createUser, deleteUser, logOutUser, renameUser, roles, searchUsers, setDisabled, setPassword, setRole } from '../api/users';
import type { Role, User } from '../api/users';
import { useResource } from '../api/useResource';
import { Badge, Button, PageBar, Search, Spacer } from '../components/Controls';
import { Field, FormDialog, SelectField, textOf } from '../components/FormDialog';
import { Empty, Loading, Notice } from '../components/States';
import { formatDateTime } from '../time/format';
import { AdminTabs } from './AdminTabs';
import { useChange } from './useChange';
import { UsersProblem } from './UsersProblem';
import css from './Admin.module.css';

type Open = { what: 'new' } | { what: 'names' | 'password' | 'delete'; user: User };

const roleChoices = roles.map((role) => ({ value: role, label: role }));

export default function UsersPage() {
  const { search } = useAddress();
  const text = new URLSearchParams(search).get('search') ?? '';
  const { data, error, reload } = useResource((signal) => searchUsers(text, signal), [text]);
  const [open, setOpen] = useState<Open>();
  const { problem, change } = useChange(reload);
  const close = () => setOpen(undefined);
  return (
    <div className={css.page}>
      <PageBar title="Users">
        <AdminTabs here="/users" />
        <Button icon="plus" kind="primary" disabled={data === undefined} onClick={() => setOpen({ what: 'new' })}>New user</Button>
        <Spacer />
        <Search label="Search users" value={text} onChange={(value) => setSearch(new URLSearchParams(value === '' ? {} : { search: value }), { replace: true })} />
      </PageBar>
      <div className={css.content}>
        <UsersProblem title="The users could not be read" error={error} />
        {problem !== undefined && <Notice tone="bad" title="Not done">{problem}</Notice>}
        {data === undefined && error === undefined && <Loading what="users" />}
        {data !== undefined && data.shown.length === 0 && <Empty title="No user matches">Change the search.</Empty>}
        {data !== undefined && data.shown.length > 0 && (
          <div className={css.scroll}>
            <table className={css.table} aria-label="Users">
              <thead><tr><th scope="col">Login</th><th scope="col">Name</th><th scope="col">Email</th><th scope="col">Role</th><th scope="col">State</th><th scope="col">Since</th><th scope="col">Change</th></tr></thead>
              <tbody>
                {data.shown.map((user) => (
                  <tr key={user.id}>
                    <td>{user.login}</td>
                    <td>{user.name}</td>
                    <td>{user.email}</td>
                    <td><select aria-label={`Role of ${user.login}`} value={user.role} onChange={(event) => change(() => setRole(user.id, event.target.value as Role))}>{roles.map((role) => <option key={role}>{role}</option>)}</select></td>
                    <td>{user.isDisabled ? <Badge tone="bad">disabled</Badge> : <Badge tone="ok">active</Badge>}{user.isExternal && <span className={css.faint}> by the proxy</span>}</td>
                    <td className={css.faint}>{formatDateTime(Date.parse(user.createdAt)).slice(0, 10)}</td>
                    <td className={css.actions}>
                      <Button kind="quiet" aria-label={`Rename ${user.login}`} onClick={() => setOpen({ what: 'names', user })}>Rename</Button>
                      <Button kind="quiet" aria-label={`Password of ${user.login}`} onClick={() => setOpen({ what: 'password', user })}>Password</Button>
                      <Button kind="quiet" aria-label={`Sign out ${user.login}`} onClick={() => change(() => logOutUser(user.id))}>Sign out</Button>
                      <Button kind="quiet" aria-label={`${user.isDisabled ? 'Enable' : 'Disable'} ${user.login}`} onClick={() => change(() => setDisabled(user.id, !user.isDisabled))}>{user.isDisabled ? 'Enable' : 'Disable'}</Button>
                      <Button kind="quiet" aria-label={`Delete ${user.login}`} onClick={() => setOpen({ what: 'delete', user })}>Delete</Button>
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
        {data !== undefined && data.total > data.shown.length && <p className={css.faint}>{data.shown.length} of {data.total} users are shown; search for others.</p>}
      </div>
      {open !== undefined && <UserDialog open={open} close={close} done={reload} />}
    </div>
  );
}

function UserDialog({ open, close, done }: { open: Open; close: () => void; done: () => void }) {
  const sent = (made: Promise<unknown>) => made.then(done);
  if (open.what === 'new') {
    const create = (fields: FormData) => sent(createUser({ login: textOf(fields, 'login'), name: textOf(fields, 'name'), email: textOf(fields, 'email'), password: textOf(fields, 'password'), role: textOf(fields, 'role') as Role }));
    return (
      <FormDialog title="New user" action="Make the user" close={close} onSubmit={create}>
        <Field label="Login" name="login" required autoFocus />
        <Field label="Name" name="name" />
        <Field label="Email" name="email" type="email" />
        <Field label="Password" name="password" type="password" autoComplete="new-password" required hint="At least 4 characters; the user can change it." />
        <SelectField label="Role" name="role" value="Viewer" choices={roleChoices} />
      </FormDialog>
    );
  }
  const { user } = open;
  if (open.what === 'names') {
    return (
      <FormDialog title={`Rename ${user.login}`} action="Save" close={close} onSubmit={(fields) => sent(renameUser(user.id, { login: textOf(fields, 'login'), name: textOf(fields, 'name'), email: textOf(fields, 'email') }))}>
        <Field label="Login" name="login" value={user.login} required autoFocus />
        <Field label="Name" name="name" value={user.name} />
        <Field label="Email" name="email" type="email" value={user.email} />
      </FormDialog>
    );
  }
  if (open.what === 'password') {
    return (
      <FormDialog title={`Another password for ${user.login}`} action="Set the password" close={close} onSubmit={(fields) => sent(setPassword(user.id, textOf(fields, 'password')))}>
        <Field label="New password" name="password" type="password" autoComplete="new-password" required autoFocus hint="The user's sessions end." />
      </FormDialog>
    );
  }
  return (
    <FormDialog title={`Delete ${user.login}?`} action="Delete the user" dangerous close={close} onSubmit={() => sent(deleteUser(user.id))}>
      <p>The user, the sessions and the preferences go for good. A disabled user can come back.</p>
    </FormDialog>
  );
}
