import { useMemo, useState } from 'react';
import { setSearch, useAddress } from '../app/router';
import { getConfigText } from '../api/prometheus';
import { useResource } from '../api/useResource';
import { Button, PageBar, Search, Spacer } from '../components/Controls';
import { Loading, PageError } from '../components/States';
import { StatusTabs } from './StatusTabs';
import css from './StatusPage.module.css';

/** Lines drawn; the whole can be copied. */
const kLinesMax = 5000;

/** The configuration that the server runs with; secrets are hidden by the server. */
export default function ConfigPage() {
  const { search } = useAddress();
  const text = new URLSearchParams(search).get('search') ?? '';
  const [copied, setCopied] = useState(false);
  const { data, error } = useResource((signal) => getConfigText(signal), []);
  const lines = useMemo(() => (data ?? '').replace(/\n$/, '').split('\n'), [data]);
  const wanted = text.toLowerCase();
  const copy = () => void navigator.clipboard?.writeText(data ?? '').then(() => setCopied(true), () => setCopied(false));
  return (
    <div className={css.page}>
      <PageBar title="Configuration">
        <StatusTabs of="server" here="/config" />
        <Button icon="copy" kind="quiet" onClick={copy} disabled={data === undefined}>{copied ? 'Copied' : 'Copy'}</Button>
        <Spacer />
        <Search label="Mark lines with" value={text} onChange={(value) => setSearch(new URLSearchParams(value === '' ? {} : { search: value }), { replace: true })} />
      </PageBar>
      <PageError title="The configuration could not be read" error={error} />
      {data === undefined && error === undefined && <Loading what="the configuration" />}
      {data !== undefined && (
        <pre className={css.text} aria-label="Configuration" tabIndex={0}>
          {lines.slice(0, kLinesMax).map((line, index) => (
            <code key={index} data-line={index + 1} className={wanted !== '' && line.toLowerCase().includes(wanted) ? `${css.line} ${css.found}` : css.line}>{line === '' ? ' ' : line}</code>
          ))}
          {lines.length > kLinesMax && <span className={css.more}>and {lines.length - kLinesMax} lines more</span>}
        </pre>
      )}
    </div>
  );
}
