/** One PromQL expression: colours, bracket matching, mistakes underlined, completion from the server's own names. */
import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap, completionStatus } from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap, insertNewlineAndIndent } from '@codemirror/commands';
import { bracketMatching, HighlightStyle, indentOnInput, syntaxHighlighting } from '@codemirror/language';
import { lintKeymap } from '@codemirror/lint';
import { EditorState, Prec } from '@codemirror/state';
import { EditorView, keymap, placeholder } from '@codemirror/view';
import { tags } from '@lezer/highlight';
import { PromQLExtension } from '@prometheus-io/codemirror-promql';
import { useEffect, useRef } from 'react';
import { styleNonce } from '../app/nonce';

interface PromqlEditorProps {
  value: string;
  label: string;
  onChange: (value: string) => void;
  onRun: () => void;
  autoFocus?: boolean;
}

const colors = HighlightStyle.define([
  { tag: tags.keyword, color: 'var(--code-keyword)' },
  { tag: tags.operatorKeyword, color: 'var(--code-keyword)' },
  { tag: tags.modifier, color: 'var(--code-keyword)' },
  { tag: tags.function(tags.variableName), color: 'var(--code-function)' },
  { tag: tags.labelName, color: 'var(--code-label)' },
  { tag: tags.string, color: 'var(--code-string)' },
  { tag: tags.number, color: 'var(--code-number)' },
  { tag: tags.comment, color: 'var(--text-faint)', fontStyle: 'italic' },
  { tag: tags.operator, color: 'var(--text-muted)' },
  { tag: tags.paren, color: 'var(--text-muted)' },
  { tag: tags.invalid, color: 'var(--bad)' },
]);

const look = EditorView.theme({
  '&': { fontSize: '13px', backgroundColor: 'transparent' },
  '&.cm-focused': { outline: 'none' },
  '.cm-content': { fontFamily: 'var(--mono)', padding: '6px 0', caretColor: 'var(--text)' },
  '.cm-line': { padding: '0 10px' },
  '.cm-scroller': { lineHeight: '1.5' },
  '.cm-cursor': { borderLeftColor: 'var(--text)' },
  '.cm-placeholder': { color: 'var(--text-faint)' },
  '&.cm-focused .cm-matchingBracket': { backgroundColor: 'var(--selected)', outline: '1px solid var(--border-strong)' },
  '.cm-selectionBackground, &.cm-focused .cm-selectionBackground': { backgroundColor: 'var(--selected)' },
  '.cm-tooltip': {
    backgroundColor: 'var(--surface-raised)', color: 'var(--text)', border: '1px solid var(--border-strong)',
    borderRadius: '6px', boxShadow: 'var(--shadow)', overflow: 'hidden',
  },
  '.cm-tooltip.cm-tooltip-autocomplete > ul': { fontFamily: 'var(--mono)', fontSize: '12px', maxHeight: '280px' },
  '.cm-tooltip.cm-tooltip-autocomplete > ul > li': { padding: '3px 8px', display: 'flex', alignItems: 'center', gap: '6px' },
  '.cm-tooltip.cm-tooltip-autocomplete > ul > li[aria-selected]': { backgroundColor: 'var(--accent-solid)', color: 'var(--accent-text)' },
  '.cm-completionMatchedText': { textDecoration: 'none', fontWeight: '700' },
  '.cm-completionDetail': { marginLeft: 'auto', paddingLeft: '16px', fontStyle: 'normal', fontFamily: 'var(--font)', opacity: '0.7' },
  '.cm-tooltip.cm-completionInfo': { padding: '6px 10px', maxWidth: '360px', fontFamily: 'var(--font)', fontSize: '12px' },
  '.cm-diagnostic': { padding: '4px 8px', fontSize: '12px' },
});

export function PromqlEditor({ value, label, onChange, onRun, autoFocus = false }: PromqlEditorProps) {
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView>(undefined);
  const handlers = useRef({ onChange, onRun });
  handlers.current = { onChange, onRun };
  const first = useRef({ value, label, autoFocus });

  useEffect(() => {
    if (host.current === null) return;
    const promql = new PromQLExtension().setComplete({
      remote: { url: '', httpMethod: 'GET', httpErrorHandler: () => undefined }, // the page itself says that the server is away
      maxMetricsMetadata: 10_000,
    });
    const run = () => {
      handlers.current.onRun();
      return true;
    };
    const editor = new EditorView({
      parent: host.current,
      state: EditorState.create({
        doc: first.current.value,
        extensions: [
          history(), indentOnInput(), bracketMatching(), closeBrackets(), autocompletion({ icons: false }),
          syntaxHighlighting(colors), promql.asExtension(), look, EditorView.lineWrapping, EditorView.cspNonce.of(styleNonce()),
          placeholder('PromQL, for example: rate(node_cpu_seconds_total[5m])'),
          EditorView.contentAttributes.of({ 'aria-label': first.current.label, 'data-search': '' }),
          Prec.highest(keymap.of([
            { key: 'Mod-Enter', run },
            { key: 'Enter', run: (editorView) => (completionStatus(editorView.state) === 'active' ? false : run()) },
            { key: 'Shift-Enter', run: insertNewlineAndIndent },
            { key: 'Escape', run: (editorView) => {
              if (completionStatus(editorView.state) !== null) return false;
              editorView.contentDOM.blur();
              return true;
            } },
          ])),
          keymap.of([...closeBracketsKeymap, ...completionKeymap, ...historyKeymap, ...lintKeymap, ...defaultKeymap]),
          EditorView.updateListener.of((update) => {
            if (update.docChanged) handlers.current.onChange(update.state.doc.toString());
          }),
        ],
      }),
    });
    view.current = editor;
    if (first.current.autoFocus) editor.focus();
    return () => {
      editor.destroy();
    };
  }, []);

  useEffect(() => {
    const editor = view.current;
    if (editor === undefined || editor.state.doc.toString() === value) return;
    editor.dispatch({ changes: { from: 0, to: editor.state.doc.length, insert: value } });
  }, [value]);

  return <div ref={host} />;
}
