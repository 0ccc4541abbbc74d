/** What can be done with a panel. */
import { currentPath } from '../api/basePath';
import { Link } from '../app/router';
import { Icon } from '../components/icons';
import { Popover } from '../components/Popover';
import { withInspect, withPanelView } from './urlState';
import css from './PanelMenu.module.css';

interface PanelMenuProps {
  title: string;
  panelKey: string;
  viewed: boolean;
  inspectable: boolean;
}

export function PanelMenu({ title, panelKey, viewed, inspectable }: PanelMenuProps) {
  // The address as it is when the menu is opened.
  const to = (change: (search: string) => URLSearchParams) => `${currentPath()}?${change(window.location.search).toString()}`;
  return (
    <Popover label={`Menu of ${title}`} buttonClass={css.button ?? ''} align="right" button={<Icon name="more" size={14} />}>
      {(close) => (
        <ul className={css.menu}>
          <li><Link to={to((search) => withPanelView(search, viewed ? undefined : panelKey))} onClick={close}>{viewed ? 'Back to the dashboard' : 'View'}</Link></li>
          {inspectable && <li><Link to={to((search) => withInspect(search, panelKey, 'data'))} onClick={close}>Inspect data</Link></li>}
          {inspectable && <li><Link to={to((search) => withInspect(search, panelKey, 'query'))} onClick={close}>Inspect queries</Link></li>}
          <li><Link to={to((search) => withInspect(search, panelKey, 'json'))} onClick={close}>Panel JSON</Link></li>
        </ul>
      )}
    </Popover>
  );
}
