import { Dialog } from '../components/Dialog';
import { shortcuts } from './shortcuts';
import css from './ShortcutHelp.module.css';

export function ShortcutHelp({ close }: { close: () => void }) {
  return (
    <Dialog title="Keyboard" close={close}>
      <dl className={css.list}>
        {shortcuts.map(({ keys, does }) => (
          <div key={does} className={css.row}>
            <dt>{does}</dt>
            <dd>
              {keys.map((key) => (
                <kbd key={key} className={css.key}>{key}</kbd>
              ))}
            </dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
