/** Service accounts: programs that get in by tokens, which have the account's role. */
import { Fragment, useState } from 'react';
import { setSearch, useAddress } from '../app/router';
import { addToken, changeAccount, createAccount, deleteAccount, deleteToken, getTokens, roles, searchAccounts } from '../api/users';
import type { Role, ServiceAccount } from '../api/users';
import { useResource } from '../api/useResource';
import { Badge, Button, PageBar, Search, Spacer } from '../components/Controls';
import { Field, FormDialog, SelectField, textOf } from '../components/FormDialog';
import { Empty, Loading, Notice, PageError } from '../components/States';
import { formatDateTime } from '../time/format';
import { AdminTabs } from './AdminTabs';
import { useChange } from './useChange';
import { UsersProblem } from './UsersProblem';
import css from './Admin.module.css';

const lifetimes = [{ value: '0', label: 'For ever' }, { value: '86400', label: 'A day' }, { value: '604800', label: 'A week' }, { value: '2592000', label: '30 days' }, { value: '31536000', label: 'A year' }];

type Open = { what: 'new' } | { what: 'rename' | 'delete'; account: ServiceAccount };

export default function ServiceAccountsPage() {
  const parameters = new URLSearchParams(useAddress().search);
  const text = parameters.get('search') ?? '';
  const opened = Number(parameters.get('account') ?? 0);
  const { data, error, reload } = useResource((signal) => searchAccounts(text, signal), [text]);
  const [open, setOpen] = useState<Open>();
  const { problem, change } = useChange(reload);
  const goTo = (name: 'search' | 'account', value: string) => {
    if (value === '') parameters.delete(name);
    else parameters.set(name, value);
    setSearch(parameters, { replace: name === 'search' });
  };
  return (
    <div className={css.page}>
      <PageBar title="Service accounts">
        <AdminTabs here="/service-accounts" />
        <Button icon="plus" kind="primary" disabled={data === undefined} onClick={() => setOpen({ what: 'new' })}>New account</Button>
        <Spacer />
        <Search label="Search accounts" value={text} onChange={(value) => goTo('search', value)} />
      </PageBar>
      <div className={css.content}>
        <UsersProblem title="The service accounts could not be read" error={error} />
        {problem !== undefined && <Notice tone="bad" title="Not done">{problem}</Notice>}
        {data === undefined && error === undefined && <Loading what="service accounts" />}
        {data !== undefined && data.shown.length === 0 && <Empty title={text === '' ? 'No service accounts' : 'No account matches'}>{text === '' ? 'Programs that use the API get in by the tokens of one.' : 'Change the search.'}</Empty>}
        {data !== undefined && data.shown.length > 0 && (
          <div className={css.scroll}>
            <table className={css.table} aria-label="Service accounts">
              <thead><tr><th scope="col">Name</th><th scope="col">Role</th><th scope="col">State</th><th scope="col">Tokens</th><th scope="col">Change</th></tr></thead>
              <tbody>
                {data.shown.map((account) => (
                  <Fragment key={account.id}>
                    <tr>
                      <td>{account.name}</td>
                      <td><select aria-label={`Role of ${account.name}`} value={account.role} onChange={(event) => change(() => changeAccount(account.id, { role: event.target.value as Role }))}>{roles.map((role) => <option key={role}>{role}</option>)}</select></td>
                      <td>{account.isDisabled ? <Badge tone="bad">disabled</Badge> : <Badge tone="ok">active</Badge>}</td>
                      <td><Button kind="quiet" aria-expanded={opened === account.id} aria-label={`Tokens of ${account.name}`} onClick={() => goTo('account', opened === account.id ? '' : String(account.id))}>{account.tokens} {account.tokens === 1 ? 'token' : 'tokens'}</Button></td>
                      <td className={css.actions}>
                        <Button kind="quiet" aria-label={`Rename ${account.name}`} onClick={() => setOpen({ what: 'rename', account })}>Rename</Button>
                        <Button kind="quiet" aria-label={`${account.isDisabled ? 'Enable' : 'Disable'} ${account.name}`} onClick={() => change(() => changeAccount(account.id, { isDisabled: !account.isDisabled }))}>{account.isDisabled ? 'Enable' : 'Disable'}</Button>
                        <Button kind="quiet" aria-label={`Delete ${account.name}`} onClick={() => setOpen({ what: 'delete', account })}>Delete</Button>
                      </td>
                    </tr>
                    {opened === account.id && <tr><td colSpan={5} className={css.tokens}><Tokens account={account} changed={reload} /></td></tr>}
                  </Fragment>
                ))}
              </tbody>
            </table>
          </div>
        )}
        {data !== undefined && data.total > data.shown.length && <p className={css.faint}>{data.shown.length} of {data.total} accounts are shown; search for others.</p>}
      </div>
      {open !== undefined && <AccountDialog open={open} close={() => setOpen(undefined)} done={reload} />}
    </div>
  );
}

function AccountDialog({ open, close, done }: { open: Open; close: () => void; done: () => void }) {
  const sent = (made: Promise<unknown>) => made.then(done);
  if (open.what === 'new') {
    return (
      <FormDialog title="New service account" action="Make the account" close={close} onSubmit={(fields) => sent(createAccount(textOf(fields, 'name'), textOf(fields, 'role') as Role))}>
        <Field label="Name" name="name" required autoFocus />
        <SelectField label="Role" name="role" value="Viewer" choices={roles.map((role) => ({ value: role, label: role }))} />
      </FormDialog>
    );
  }
  const { account } = open;
  if (open.what === 'rename') {
    return (
      <FormDialog title={`Rename ${account.name}`} action="Save" close={close} onSubmit={(fields) => sent(changeAccount(account.id, { name: textOf(fields, 'name') }))}>
        <Field label="Name" name="name" value={account.name} required autoFocus />
      </FormDialog>
    );
  }
  return (
    <FormDialog title={`Delete ${account.name}?`} action="Delete the account" dangerous close={close} onSubmit={() => sent(deleteAccount(account.id))}>
      <p>Its tokens stop counting at once. A disabled account can come back.</p>
    </FormDialog>
  );
}

function Tokens({ account, changed }: { account: ServiceAccount; changed: () => void }) {
  const { data, error, reload } = useResource((signal) => getTokens(account.id, signal), [account.id]);
  const [adding, setAdding] = useState(false);
  const [made, setMade] = useState<{ name: string; secret: string }>();
  const both = () => { reload(); changed(); };
  const { problem, change } = useChange(both);
  const add = async (fields: FormData) => {
    const name = textOf(fields, 'name');
    setMade({ name, secret: await addToken(account.id, name, Number(textOf(fields, 'lifetime'))) });
    both();
  };
  return (
    <section aria-label={`Tokens of ${account.name}`}>
      <div className={css.row}><Button icon="plus" onClick={() => setAdding(true)}>New token</Button></div>
      <PageError title="The tokens could not be read" error={error} />
      {problem !== undefined && <Notice tone="bad" title="Not done">{problem}</Notice>}
      {made !== undefined && <div role="status"><p>The token {made.name}, which is shown only now:</p><p className={css.secret}><code>{made.secret}</code></p></div>}
      {data !== undefined && data.length === 0 && <p className={css.faint}>This account has no tokens yet.</p>}
      {data !== undefined && data.length > 0 && (
        <table className={css.table}>
          <thead><tr><th scope="col">Token</th><th scope="col">Made</th><th scope="col">Ends</th><th scope="col">Change</th></tr></thead>
          <tbody>
            {data.map((token) => (
              <tr key={token.id}>
                <td>{token.name}</td>
                <td>{formatDateTime(Date.parse(token.created))}</td>
                <td>{token.expiration === '' ? 'never' : formatDateTime(Date.parse(token.expiration))}{token.hasExpired && <> <Badge tone="bad">over</Badge></>}</td>
                <td className={css.actions}><Button kind="quiet" aria-label={`Delete token ${token.name}`} onClick={() => change(() => deleteToken(account.id, token.id))}>Delete</Button></td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {adding && (
        <FormDialog title={`New token of ${account.name}`} action="Make the token" close={() => setAdding(false)} onSubmit={add}>
          <Field label="Name" name="name" required autoFocus />
          <SelectField label="Lasts" name="lifetime" value="0" choices={lifetimes} />
        </FormDialog>
      )}
    </section>
  );
}
