import { useMemo, useState } from 'react';
import { useAddress, setSearch } from '../app/router';
import { refreshAll } from '../api/useResource';
import { Button, PageBar, Spacer } from '../components/Controls';
import { RefreshPicker, TimePicker } from '../components/TimePicker';
import { parseDuration } from '../time/duration';
import { absoluteRange } from '../time/range';
import { QueryPanel } from './QueryPanel';
import { kQueriesMax, readState, writeState } from './urlState';
import type { PageState, QueryState } from './urlState';
import css from './QueryPage.module.css';

export default function QueryPage() {
  const { search } = useAddress();
  const state = useMemo(() => readState(search), [search]);
  const [every, setEvery] = useState('');
  const change = (next: Partial<PageState>) => setSearch(writeState({ ...state, ...next }));
  const changeQuery = (index: number, query: QueryState) => change({ queries: state.queries.map((one, i) => (i === index ? query : one)) });

  return (
    <div className={css.page}>
      <PageBar title="Query">
        <Spacer />
        <Step key={state.step} value={state.step} onChange={(step) => change({ step })} />
        <TimePicker range={state.range} onChange={(range) => change({ range })} />
        <RefreshPicker every={every} onChange={setEvery} onRefresh={refreshAll} busy={false} />
      </PageBar>
      <div className={css.panels}>
        {state.queries.map((query, index) => (
          <QueryPanel
            key={index} position={index} query={query} range={state.range} step={state.step} everyMs={parseDuration(every) ?? 0}
            alone={state.queries.length === 1} onChange={(next) => changeQuery(index, next)}
            onRemove={() => change({ queries: state.queries.filter((_, i) => i !== index) })}
            onZoom={(fromMs, toMs) => change({ range: absoluteRange(fromMs, toMs) })}
          />
        ))}
        <div>
          <Button
            icon="plus" disabled={state.queries.length >= kQueriesMax}
            onClick={() => change({ queries: [...state.queries, { expr: '', tab: state.queries.at(-1)?.tab ?? 'table', stacked: false }] })}
          >
            Add query
          </Button>
        </div>
      </div>
    </div>
  );
}

function Step({ value, onChange }: { value: string; onChange: (step: string) => void }) {
  const [draft, setDraft] = useState(value);
  const readable = draft.trim() === '' || (parseDuration(draft) ?? 0) > 0;
  const apply = () => readable && onChange(draft.trim());
  return (
    <label className={css.step} title="The distance between two points of a graph, such as 15s">
      Step
      <input
        value={draft} placeholder="auto" aria-invalid={!readable} spellCheck={false} onChange={(event) => setDraft(event.target.value)}
        onBlur={apply} onKeyDown={(event) => event.key === 'Enter' && apply()}
      />
    </label>
  );
}
