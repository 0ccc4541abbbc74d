import { currentPath, toBrowser } from '../api/basePath';
import { getMyself, loginAddress, readVisitor } from '../api/login';
import { useResource } from '../api/useResource';
import { Icon } from '../components/icons';
import { useAddress } from './router';
import css from './Shell.module.css';

const visitor = readVisitor(document);

/** Who is logged in, and the way out; nothing where users are off. */
export function UserMenu() {
  if (visitor === 'off') return null;
  return visitor === 'user' ? <LoggedIn /> : <Anonymous />;
}

function Anonymous() {
  const { search } = useAddress();
  return (
    <a className={css.user} href={toBrowser(loginAddress(currentPath() + search))} aria-label="Log in">
      <Icon name="user" /><span className={css.userText}>Log in</span>
    </a>
  );
}

function LoggedIn() {
  const { data } = useResource((signal) => getMyself(signal), [], { heedsRefresh: false });
  if (data === undefined) return null;
  return (
    <div className={css.user} title={`${data.login}, ${data.role}`}>
      <Icon name="user" />
      <span className={css.userText}>{data.login}</span>
      <a className={css.tool} href={toBrowser('/logout')} title="Log out" aria-label={`Log out ${data.login}`}><Icon name="leave" /></a>
    </div>
  );
}
