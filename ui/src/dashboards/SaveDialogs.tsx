/** The dialogs that save a dashboard: its JSON changed, another version, another folder, one from elsewhere. */
import { useState } from 'react';
import { createFolder, deleteDashboard, getFolders, getVersion, getVersions, saveDashboard, SaveConflict } from '../api/dashboards';
import type { SaveRequest } from '../api/dashboards';
import { useResource } from '../api/useResource';
import { Button } from '../components/Controls';
import { Dialog } from '../components/Dialog';
import { Field, FormDialog, textOf } from '../components/FormDialog';
import form from '../components/FormDialog.module.css';
import { Loading, Notice, PageError } from '../components/States';
import { formatDateTime } from '../time/format';
import { readDocument, withInputs } from './importing';
import type { Dashboard } from './model';
import { getDataSources } from './sources';
import css from './SaveDialogs.module.css';

/** Saves, and when somebody else was faster says so and offers to save over it. */
function useSaving(): { save: (request: Omit<SaveRequest, 'overwrite'>, fields: FormData) => Promise<{ uid: string; version: number }>; overwriteField: React.ReactNode } {
  const [conflict, setConflict] = useState(false);
  const save = async (request: Omit<SaveRequest, 'overwrite'>, fields: FormData) => {
    try {
      return await saveDashboard({ ...request, overwrite: fields.get('overwrite') === 'on' });
    } catch (error) {
      if (!(error instanceof SaveConflict)) throw error;
      setConflict(true);
      throw new Error(`${error.message}. Load the page again to see that version, or save over it.`);
    }
  };
  return { save, overwriteField: conflict && <label className={css.check}><input type="checkbox" name="overwrite" />Save over the other version</label> };
}

const kNewFolder = '+';

/** The folder that the form chose, made when it is a new one. */
async function folderOf(fields: FormData): Promise<string> {
  const chosen = textOf(fields, 'folder');
  if (chosen !== kNewFolder) return chosen;
  const title = textOf(fields, 'newFolder').trim();
  if (title === '') throw new Error('Name the new folder.');
  return (await createFolder(title)).uid;
}

function FolderField({ value }: { value: string }) {
  const { data } = useResource((signal) => getFolders(signal), [], { heedsRefresh: false });
  const [chosen, setChosen] = useState(value);
  return (
    <>
      <label className={form.field}>
        Folder
        <select name="folder" value={chosen} onChange={(event) => setChosen(event.target.value)}>
          <option value="">None</option>
          {data?.map((folder) => <option key={folder.uid} value={folder.uid}>{folder.title}</option>)}
          {value !== '' && data?.some((folder) => folder.uid === value) !== true && <option value={value}>{value}</option>}
          <option value={kNewFolder}>A new folder…</option>
        </select>
      </label>
      {chosen === kNewFolder && <Field label="Name of the new folder" name="newFolder" required autoFocus />}
    </>
  );
}

interface DialogProps {
  dashboard: Dashboard;
  close: () => void;
  /** The dashboard is to be read again. */
  changed: () => void;
}

export function EditJson({ dashboard, close, changed }: DialogProps) {
  const { save, overwriteField } = useSaving();
  const submit = async (fields: FormData) => {
    const document = { ...readDocument(textOf(fields, 'json')), uid: dashboard.uid };
    await save({ dashboard: { ...document, version: dashboard.source['version'] }, folderUid: dashboard.meta.folderUid, message: textOf(fields, 'message') }, fields);
    changed();
  };
  return (
    <FormDialog title={`JSON of ${dashboard.title}`} action="Save" close={close} onSubmit={submit}>
      <label className={`${form.field} ${css.wide}`}>The dashboard<textarea name="json" rows={20} spellCheck={false} defaultValue={JSON.stringify(dashboard.source, null, 2)} autoFocus /></label>
      <Field label="What changed" name="message" />
      {overwriteField}
    </FormDialog>
  );
}

export function MoveDashboard({ dashboard, close, changed }: DialogProps) {
  const { save, overwriteField } = useSaving();
  const submit = async (fields: FormData) => {
    await save({ dashboard: dashboard.source, folderUid: await folderOf(fields), message: 'moved' }, fields);
    changed();
  };
  return (
    <FormDialog title={`Move ${dashboard.title}`} action="Move" close={close} onSubmit={submit}>
      <FolderField value={dashboard.meta.folderUid} />
      {overwriteField}
    </FormDialog>
  );
}

export function DeleteDashboard({ dashboard, close, gone }: { dashboard: Dashboard; close: () => void; gone: () => void }) {
  return (
    <FormDialog title={`Delete ${dashboard.title}?`} action="Delete the dashboard" dangerous close={close} onSubmit={() => deleteDashboard(dashboard.uid).then(gone)}>
      <p>It goes with all its versions. Export it first if it may be wanted again.</p>
    </FormDialog>
  );
}

export function Versions({ dashboard, close, changed }: DialogProps) {
  const { data, error } = useResource((signal) => getVersions(dashboard.uid, signal), [dashboard.uid]);
  const [problem, setProblem] = useState<string>();
  const restore = async (version: number) => {
    try {
      const before = await getVersion(dashboard.uid, version);
      await saveDashboard({ dashboard: { ...before, uid: dashboard.uid, version: dashboard.source['version'] }, folderUid: dashboard.meta.folderUid, message: `version ${version} again`, overwrite: false });
      changed();
      close();
    } catch (failure) {
      setProblem(failure instanceof Error ? failure.message : String(failure));
    }
  };
  return (
    <Dialog title={`Versions of ${dashboard.title}`} close={close}>
      <PageError title="The versions could not be read" error={error} />
      {problem !== undefined && <Notice tone="bad" title="Not done">{problem}</Notice>}
      {data === undefined && error === undefined && <Loading what="versions" />}
      {data !== undefined && data.length === 0 && <p>It was never saved here.</p>}
      {data !== undefined && data.length > 0 && (
        <table className={css.versions} aria-label="Versions">
          <thead><tr><th scope="col">Version</th><th scope="col">Saved</th><th scope="col">What changed</th><th scope="col">Again</th></tr></thead>
          <tbody>
            {data.map((one, index) => (
              <tr key={one.version}>
                <td>{one.version}</td><td>{formatDateTime(Date.parse(one.created))}</td><td>{one.message}</td>
                <td>{index === 0 ? 'this one' : dashboard.meta.canSave && <Button kind="quiet" aria-label={`Restore version ${one.version}`} onClick={() => void restore(one.version)}>Restore</Button>}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Dialog>
  );
}

export function ImportDashboard({ close, saved }: { close: () => void; saved: (uid: string) => void }) {
  const { save, overwriteField } = useSaving();
  const [text, setText] = useState('');
  const take = async (file: File | undefined) => {
    if (file !== undefined) setText(await file.text());
  };
  const submit = async (fields: FormData) => {
    const document = readDocument(textOf(fields, 'json'));
    const ready = withInputs(document, await getDataSources(new AbortController().signal));
    saved((await save({ dashboard: ready, folderUid: await folderOf(fields), message: 'imported' }, fields)).uid);
  };
  return (
    <FormDialog title="Import a dashboard" action="Import" close={close} onSubmit={submit}>
      <label className={form.field}>A file<input type="file" accept=".json,application/json" onChange={(event) => void take(event.target.files?.[0])} /></label>
      <label className={`${form.field} ${css.wide}`}>or its JSON<textarea name="json" rows={10} spellCheck={false} required value={text} onChange={(event) => setText(event.target.value)} /></label>
      <FolderField value="" />
      {overwriteField}
    </FormDialog>
  );
}
