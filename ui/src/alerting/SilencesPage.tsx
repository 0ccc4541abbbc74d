/** Silences: what is hidden, until when and why; made from matchers with a look at what they would hide, edited, expired. */
import { useState } from 'react';
import { Link, setSearch, useAddress } from '../app/router';
import { expireSilence, getRoutedAlerts, getSilences, saveSilence } from '../api/alertmanager';
import type { Silence } from '../api/alertmanager';
import { ApiError } from '../api/client';
import { useResource } from '../api/useResource';
import { Badge, Button, Choices, LabelChips, PageBar, Search, Spacer } from '../components/Controls';
import { Dialog } from '../components/Dialog';
import { Empty, Loading, Notice, PageError } from '../components/States';
import { matching } from '../status/facts';
import { formatDateTime } from '../time/format';
import { humanDuration } from '../time/duration';
import { AlertingTabs } from './AlertingTabs';
import { matcherText, matchersText, parseMatchers } from './matchers';
import { checkSilence } from './silenceForm';
import type { SilenceFields } from './silenceForm';
import css from './SilencesPage.module.css';

const kRefreshMs = 10_000;
const kShownMax = 500;
const tones = { active: 'warn', pending: 'info', expired: 'neutral' } as const;
type StateFilter = 'active' | 'pending' | 'expired' | 'all';

export default function SilencesPage() {
  const { search } = useAddress();
  const parameters = new URLSearchParams(search);
  const text = parameters.get('search') ?? '';
  const state = (parameters.get('state') ?? 'active') as StateFilter;
  const id = parameters.get('id');
  const draft = parameters.get('new');
  const editing = parameters.get('edit');
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [problem, setProblem] = useState<string | undefined>(undefined);
  const change = (changes: Record<string, string | undefined>, replace = true) => {
    const next = new URLSearchParams(window.location.search);
    for (const [name, value] of Object.entries(changes)) {
      if (value === undefined) next.delete(name);
      else next.set(name, value);
    }
    setSearch(next, { replace });
  };
  const { data, error, reload, loadedAtMs } = useResource((signal) => getSilences([], signal), [], { everyMs: kRefreshMs });
  const counted = (wanted: StateFilter) => (data ?? []).filter((one) => wanted === 'all' || one.status.state === wanted).length;
  const shown = matching((data ?? []).filter((one) => (state === 'all' || one.status.state === state) && (id === null || one.id === id)), text, (one) => `${matchersText(one.matchers)} ${one.comment} ${one.createdBy}`)
    .sort((a, b) => (a.status.state === 'expired' ? -1 : 1) * (Date.parse(a.endsAt) - Date.parse(b.endsAt)));
  const absent = error instanceof ApiError && error.status === 404;
  const expire = async (ids: string[]) => {
    const failed = (await Promise.allSettled(ids.map(expireSilence))).filter((one) => one.status === 'rejected');
    setProblem(failed.length === 0 ? undefined : `${failed.length} of ${ids.length} could not be expired: ${String((failed[0]?.reason as Error | undefined)?.message ?? '')}`);
    setChosen(new Set());
    reload();
  };
  const open = [...chosen].filter((one) => data?.some((silence) => silence.id === one && silence.status.state !== 'expired'));
  const edited = data?.find((one) => one.id === editing);
  return (
    <div className={css.page}>
      <PageBar title="Silences">
        <AlertingTabs here="/silences" />
        <Choices
          label="State" value={state} onChange={(value) => change({ state: value === 'active' ? undefined : value, id: undefined })}
          choices={[{ value: 'active', label: 'Active', count: counted('active'), tone: 'warn' }, { value: 'pending', label: 'Pending', count: counted('pending'), tone: 'info' }, { value: 'expired', label: 'Expired', count: counted('expired') }, { value: 'all', label: 'All', count: counted('all') }]}
        />
        {!absent && <Button icon="plus" kind="primary" onClick={() => change({ new: '' }, false)}>New silence</Button>}
        {open.length > 0 && <Button onClick={() => void expire(open)}>Expire {open.length}</Button>}
        <Spacer />
        <Search label="Search silences" value={text} onChange={(value) => change({ search: value === '' ? undefined : value })} />
      </PageBar>
      <div className={css.content}>
        {absent ? <Notice tone="info" title="No Alertmanager here">This server does not answer at /api/v2, so it keeps no silences.</Notice> : <PageError title="The silences could not be read" error={error} />}
        {problem !== undefined && <Notice tone="bad" title="Not done">{problem}</Notice>}
        {id !== null && <p className={css.facts}>Only silence {id} is shown. <Link to="/silences?state=all">Show all</Link></p>}
        {data === undefined && error === undefined && <Loading what="silences" />}
        {data !== undefined && shown.length === 0 && <Empty title="No silence">{counted('all') === 0 ? 'Nothing is silenced.' : 'Change the search or the state.'}</Empty>}
        {shown.length > 0 && (
          <ul className={css.list} aria-label="Silences">
            {shown.slice(0, kShownMax).map((silence) => (
              <SilenceItem
                key={silence.id} silence={silence} nowMs={loadedAtMs} chosen={chosen.has(silence.id)} onExpire={() => void expire([silence.id])} onEdit={() => change({ edit: silence.id }, false)}
                onChoose={(on) => { const next = new Set(chosen); if (on) next.add(silence.id); else next.delete(silence.id); setChosen(next); }}
              />
            ))}
          </ul>
        )}
        {shown.length > kShownMax && <p className={css.facts}>{kShownMax} of {shown.length} are shown.</p>}
      </div>
      {(draft !== null || edited !== undefined) && (
        <SilenceForm
          key={edited?.id ?? 'new'} edited={edited} matchers={draft ?? ''} close={() => change({ new: undefined, edit: undefined })}
          saved={() => { change({ new: undefined, edit: undefined }); reload(); }}
        />
      )}
    </div>
  );
}

interface SilenceItemProps {
  silence: Silence;
  nowMs: number;
  chosen: boolean;
  onChoose: (on: boolean) => void;
  onExpire: () => void;
  onEdit: () => void;
}

function SilenceItem({ silence, nowMs, chosen, onChoose, onExpire, onEdit }: SilenceItemProps) {
  const { state } = silence.status;
  const [startMs, endMs] = [Date.parse(silence.startsAt), Date.parse(silence.endsAt)];
  const when = state === 'active' ? `for ${humanDuration(Math.max(1000, endMs - nowMs))} more` : state === 'pending' ? `from ${formatDateTime(startMs)}` : `ended ${formatDateTime(endMs)}`;
  const text = matchersText(silence.matchers);
  return (
    <li className={css.item}>
      <div className={css.head}>
        <input type="checkbox" aria-label={`Choose ${text}`} checked={chosen} disabled={state === 'expired'} onChange={(event) => onChoose(event.target.checked)} />
        <Badge tone={tones[state]}>{state}</Badge>
        <code className={css.matchers}>{text}</code>
        <Spacer />
        <span className={css.facts} title={`${formatDateTime(startMs)} to ${formatDateTime(endMs)}`}>{when}</span>
        <Button kind="quiet" onClick={onEdit}>{state === 'expired' ? 'Again' : 'Edit'}</Button>
        {state !== 'expired' && <Button kind="quiet" onClick={onExpire}>Expire</Button>}
      </div>
      <p className={css.why}>{silence.comment} <span className={css.facts}>— {silence.createdBy}</span></p>
    </li>
  );
}

const kNameKey = 'sextant.silence.by';

function rememberedName(): string {
  try {
    return window.localStorage.getItem(kNameKey) ?? '';
  } catch {
    return '';
  }
}

function SilenceForm({ edited, matchers, close, saved }: { edited: Silence | undefined; matchers: string; close: () => void; saved: () => void }) {
  const again = edited?.status.state === 'expired';
  const [fields, setFields] = useState<SilenceFields>(() => (edited === undefined
    ? { matchers, until: '2h', createdBy: rememberedName(), comment: '' }
    : { matchers: matchersText(edited.matchers), until: again ? '2h' : edited.endsAt, createdBy: edited.createdBy, comment: edited.comment }));
  const [tried, setTried] = useState(false);
  const [busy, setBusy] = useState(false);
  const [refused, setRefused] = useState<string | undefined>(undefined);
  const set = (name: keyof SilenceFields) => (event: { target: { value: string } }) => setFields({ ...fields, [name]: event.target.value });
  const checked = checkSilence(fields, Date.now(), edited === undefined || again ? undefined : edited);
  const save = async () => {
    setTried(true);
    if (checked.problem !== undefined) return;
    setBusy(true);
    try {
      await saveSilence(checked.silence);
      try {
        window.localStorage.setItem(kNameKey, fields.createdBy);
      } catch {
        // the name is asked for again next time
      }
      saved();
    } catch (error) {
      setRefused(error instanceof Error ? error.message : String(error));
      setBusy(false);
    }
  };
  return (
    <Dialog title={edited === undefined ? 'New silence' : again ? 'Silence again' : 'Edit silence'} close={close}>
      <form className={css.form} onSubmit={(event) => { event.preventDefault(); void save(); }}>
        <label>Matchers<textarea rows={3} spellCheck={false} value={fields.matchers} onChange={set('matchers')} placeholder={'alertname="HighLatency", team=~"a|b"'} autoFocus /></label>
        <div className={css.row}>
          <label>Until<input value={fields.until} onChange={set('until')} list="silence-lengths" /></label>
          <datalist id="silence-lengths">{['30m', '1h', '2h', '8h', '1d', '3d', '1w'].map((length) => <option key={length} value={length} />)}</datalist>
          <label>By<input value={fields.createdBy} onChange={set('createdBy')} autoComplete="username" /></label>
        </div>
        <label>Why<input value={fields.comment} onChange={set('comment')} /></label>
        <Preview text={fields.matchers} />
        {tried && checked.problem !== undefined && <Notice tone="warn">{checked.problem}</Notice>}
        {refused !== undefined && <Notice tone="bad" title="The server refused it">{refused}</Notice>}
        <div className={css.row}>
          <button type="submit" className={css.save} disabled={busy}>{edited === undefined || again ? 'Silence' : 'Save'}</button>
          <Button onClick={close}>Cancel</Button>
        </div>
      </form>
    </Dialog>
  );
}

const kPreviewMax = 20;

/** What the matchers hold for now. */
function Preview({ text }: { text: string }) {
  const parsed = parseMatchers(text);
  const filter = 'matchers' in parsed ? parsed.matchers.map(matcherText) : [];
  const { data, error } = useResource(async (signal) => (filter.length === 0 ? [] : getRoutedAlerts(filter, signal)), [filter.join(',')]);
  if ('problem' in parsed) return <Notice tone="warn">{parsed.problem}</Notice>;
  if (filter.length === 0) return <p className={css.facts}>Without matchers there is nothing to hide.</p>;
  if (error !== undefined) return <Notice tone="warn" title="What it would hide is not known">{error.message}</Notice>;
  return (
    <section className={css.preview} aria-label="What it would hide" aria-live="polite">
      <h3>{data === undefined ? 'Looking for alerts…' : `Hides ${data.length} ${data.length === 1 ? 'alert' : 'alerts'} now`}</h3>
      <ul>{data?.slice(0, kPreviewMax).map((alert) => <li key={alert.fingerprint}><strong>{alert.labels['alertname']}</strong> <LabelChips labels={alert.labels} without={['alertname']} /></li>)}</ul>
      {data !== undefined && data.length > kPreviewMax && <p className={css.facts}>and {data.length - kPreviewMax} more</p>}
    </section>
  );
}
