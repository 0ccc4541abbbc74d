/** Text: Markdown or HTML from the document, cleaned of everything that could run. */
import { useLayoutEffect, useMemo, useRef } from 'react';
import { asText } from '../dashboards/read';
import { renderMarkdown, textUtil } from '../grafana';
import type { PanelKind, PanelProps } from './panel';
import css from './text.module.css';

/** The page loads nothing from other servers: their images become links. */
export function withoutForeignImages(html: string): string {
  const box = document.createElement('template'); // what is inside one loads nothing
  box.innerHTML = html;
  for (const image of box.content.querySelectorAll('img')) {
    const source = image.getAttribute('src') ?? '';
    if (/^(data:image\/|\/(?!\/))/.test(source)) continue;
    const link = document.createElement('a');
    if (/^https?:/.test(source)) link.setAttribute('href', source);
    link.textContent = image.getAttribute('alt') || 'Image';
    image.replaceWith(link);
  }
  return box.innerHTML;
}

/** Styles of single elements are set aside: the content security policy allows none in a text, only those that code sets. */
export function setStylesAside(html: string): string {
  const box = document.createElement('template');
  box.innerHTML = html;
  for (const element of box.content.querySelectorAll('[style]')) {
    element.setAttribute('data-style', element.getAttribute('style') ?? '');
    element.removeAttribute('style');
  }
  return box.innerHTML;
}

export function applyStyles(box: Element): void {
  for (const element of box.querySelectorAll<HTMLElement>('[data-style]')) element.style.cssText = element.dataset['style'] ?? '';
}

function TextPanel({ panel, replace }: PanelProps) {
  const mode = asText(panel.options['mode'], 'markdown');
  const content = replace(asText(panel.options['content']));
  // Both clean what they return of everything that could run.
  const html = useMemo(() => setStylesAside(withoutForeignImages(mode === 'html' ? textUtil.sanitizeTextPanelContent(content) : renderMarkdown(content))), [content, mode]);
  const box = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    if (box.current !== null) applyStyles(box.current);
  }, [html, mode]);
  if (mode === 'code') return <pre className={css.code}>{content}</pre>;
  return <div ref={box} className={css.text} dangerouslySetInnerHTML={{ __html: html }} />;
}

export const text: PanelKind = { Component: TextPanel, colorMode: 'thresholds', asks: false };
