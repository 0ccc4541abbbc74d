/** What a target answers now, as the server sees it: fetched when the dialog opens, and again on demand. */
import { useDeferredValue, useMemo, useState } from 'react';
import { getTargetBody } from '../api/prometheus';
import type { ActiveTarget } from '../api/types';
import { useResource } from '../api/useResource';
import { Button, Search, Spacer } from '../components/Controls';
import { Dialog } from '../components/Dialog';
import { Empty, Loading, Notice, PageError } from '../components/States';
import { humanDuration } from '../time/duration';
import { linesWith, shownBytes } from './body';
import css from './TargetBody.module.css';

export function TargetBody({ target, close }: { target: ActiveTarget; close: () => void }) {
  const [text, setText] = useState('');
  const [copied, setCopied] = useState('');
  const { data, error, loading, reload } = useResource((signal) => getTargetBody(target.scrapePool, target.scrapeUrl, signal), [target.scrapePool, target.scrapeUrl], { heedsRefresh: false });
  const sought = useDeferredValue(text);
  const lines = useMemo(() => linesWith(data?.body ?? '', sought), [data, sought]);
  const copy = () => {
    void navigator.clipboard.writeText(lines.join('\n')).then(() => setCopied('Copied'), () => setCopied('The browser does not allow it'));
  };
  const facts = data === undefined ? [] : [
    ...(data.status === 0 ? [] : [`HTTP ${data.status}`]), ...(data.contentType === '' ? [] : [data.contentType]), `${data.receivedBytes.toLocaleString('en')} bytes`,
    ...(data.durationSeconds === 0 ? [] : [`in ${humanDuration(data.durationSeconds * 1000)}`]),
  ];
  return (
    <Dialog title={`Answer of ${target.scrapeUrl}`} close={close}>
      <div className={css.body}>
        <div className={css.bar}>
          <span className={css.facts} role="status">{loading ? 'Asking the target…' : facts.join(' · ')}</span>
          <Spacer />
          <Search label="Search lines" value={text} onChange={setText} />
          <Button onClick={copy} disabled={data === undefined || data.body === ''}>Copy</Button>
          <Button icon="refresh" onClick={reload} disabled={loading}>Again</Button>
          <span className="visually-hidden" role="status">{copied}</span>
        </div>
        <PageError title="The target could not be asked" error={error} />
        {data === undefined && error === undefined && <Loading what="the answer" patient />}
        {data !== undefined && data.error !== '' && <Notice tone="bad" title="The answer did not come, or not to its end">{data.error}</Notice>}
        {data?.isText === false && <Notice tone="info">{data.contentEncoding === '' ? 'The body is no text.' : `The target compressed its body (${data.contentEncoding}) without being asked to.`}</Notice>}
        {data?.isText === true && shownBytes(data.body) < data.receivedBytes && <Notice tone="info">The first {shownBytes(data.body).toLocaleString('en')} bytes are shown.</Notice>}
        {data !== undefined && data.body !== '' && lines.length === 0 && <Empty title="No line matches">Change the search.</Empty>}
        {data !== undefined && data.error === '' && data.isText && data.body === '' && <Empty title="An empty body" />}
        {lines.length > 0 && data?.body !== '' && <pre className={css.text} tabIndex={0} aria-label="Body">{lines.join('\n')}</pre>}
      </div>
    </Dialog>
  );
}
