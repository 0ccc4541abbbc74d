/** What can be done with a whole dashboard: exported by everybody, changed where the server lets one. */
import { useState } from 'react';
import { withKiosk } from '../app/kiosk';
import { navigate, setSearch } from '../app/router';
import { Button } from '../components/Controls';
import { download } from '../components/download';
import { Icon } from '../components/icons';
import { Popover } from '../components/Popover';
import type { Dashboard } from './model';
import { DeleteDashboard, EditJson, MoveDashboard, Versions } from './SaveDialogs';
import css from './DashboardTools.module.css';

type Open = 'json' | 'move' | 'versions' | 'delete';

export function DashboardMenu({ dashboard, changed }: { dashboard: Dashboard; changed: () => void }) {
  const [open, setOpen] = useState<Open>();
  const close = () => setOpen(undefined);
  const { canSave, canDelete, isProvisioned } = dashboard.meta;
  return (
    <>
      <Popover label="Dashboard menu" buttonClass={css.button ?? ''} align="right" button={<Icon name="more" size={14} />}>
        {(hide) => {
          const item = (what: Open, label: string) => <li><Button kind="quiet" onClick={() => { hide(); setOpen(what); }}>{label}</Button></li>;
          return (
            <ul className={css.menu}>
              <li><Button kind="quiet" title="The dashboard's JSON as a file" onClick={() => { hide(); download(`${dashboard.title}.json`, JSON.stringify(dashboard.source, null, 2), 'application/json'); }}>Export</Button></li>
              <li><Button kind="quiet" title="The dashboard without anything around it; Esc ends that" onClick={() => { hide(); setSearch(withKiosk(window.location.search, true)); }}>Kiosk mode</Button></li>
              {canSave && item('json', 'Edit JSON')}
              {canSave && !isProvisioned && item('move', 'Move')}
              {dashboard.uid !== '' && item('versions', 'Versions')}
              {canDelete && item('delete', 'Delete')}
              {!canSave && isProvisioned && <li className={css.empty}>It comes from a file of the server and is changed there.</li>}
            </ul>
          );
        }}
      </Popover>
      {open === 'json' && <EditJson dashboard={dashboard} close={close} changed={changed} />}
      {open === 'move' && <MoveDashboard dashboard={dashboard} close={close} changed={changed} />}
      {open === 'versions' && <Versions dashboard={dashboard} close={close} changed={changed} />}
      {open === 'delete' && <DeleteDashboard dashboard={dashboard} close={close} gone={() => navigate('/dashboards')} />}
    </>
  );
}
