/** Text: Markdown or HTML from the document, cleaned of everything that could run. */
import { useMemo } from 'react';
import { asText } from '../dashboards/read';
import { renderMarkdown } from '../grafana';
import type { PanelKind, PanelProps } from './panel';
import css from './text.module.css';

function TextPanel({ panel, replace }: PanelProps) {
  const mode = asText(panel.options['mode'], 'markdown');
  const content = replace(asText(panel.options['content']));
  // renderMarkdown cleans what it returns; HTML goes through it too, which leaves tags as they are.
  const html = useMemo(() => renderMarkdown(content), [content]);
  if (mode === 'code') return <pre className={css.code}>{content}</pre>;
  return <div className={css.text} dangerouslySetInnerHTML={{ __html: html }} />;
}

export const text: PanelKind = { Component: TextPanel, colorMode: 'thresholds', asks: false };
