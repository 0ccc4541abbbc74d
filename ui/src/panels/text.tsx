/** Text: Markdown or HTML from the document, cleaned of everything that could run. */
import { useLayoutEffect, useMemo, useRef } from 'react';
import { asText } from '../dashboards/read';
import { renderMarkdown, textUtil } from '../grafana';
import type { PanelKind, PanelProps } from './panel';
import css from './text.module.css';

/** The page loads nothing from other servers: their images and pages become links. */
function replaceWhatIsForeign(content: DocumentFragment): void {
  for (const element of content.querySelectorAll('img, iframe')) {
    const source = element.getAttribute('src') ?? '';
    if (/^\/(?!\/)/.test(source) || (element.tagName === 'IMG' && source.startsWith('data:image/'))) continue;
    const link = document.createElement('a');
    if (/^https?:/.test(source)) link.setAttribute('href', source);
    link.textContent = element.getAttribute('alt') || element.getAttribute('title') || (element.tagName === 'IMG' ? 'Image' : source);
    element.replaceWith(link);
  }
}

/** Cleaned HTML has no attributes of this name. */
const kStyle = 'data-cleaned-style';

/** The content security policy allows no styles in a text, not even while it is read, only those that code sets. */
const putStylesAside = (html: string) => html.replace(/<[a-z][^>]*>/gi, (tag) => tag.replace(/\sstyle=/gi, ` ${kStyle}=`));

function setStylesByCode(content: DocumentFragment): void {
  for (const element of content.querySelectorAll<HTMLElement>(`[${kStyle}]`)) {
    element.style.cssText = element.getAttribute(kStyle) ?? '';
    element.removeAttribute(kStyle);
  }
}

/** Headings stand below the one at `level`, without a gap between their ranks, whatever the text calls them. */
function rankHeadings(content: DocumentFragment, level: number): void {
  const headings = [...content.querySelectorAll('h1, h2, h3, h4, h5, h6')];
  const ranks = [...new Set(headings.map((heading) => heading.tagName))].sort();
  let before = level;
  for (const heading of headings) {
    before = Math.min(level + 1 + ranks.indexOf(heading.tagName), before + 1);
    heading.setAttribute('aria-level', String(before));
  }
}

/** What cleaned HTML comes to on the page below a heading of `level`. Nothing of it is loaded before it stands there. */
export function toContent(html: string, level: number): DocumentFragment {
  const { content } = Object.assign(document.createElement('template'), { innerHTML: putStylesAside(html) });
  replaceWhatIsForeign(content);
  setStylesByCode(content);
  rankHeadings(content, level);
  return content;
}

function TextPanel({ panel, replace }: PanelProps) {
  const mode = asText(panel.options['mode'], 'markdown');
  const content = replace(asText(panel.options['content']));
  // Both clean what they return of everything that could run.
  const html = useMemo(() => (mode === 'html' ? textUtil.sanitizeTextPanelContent(content) : mode === 'code' ? '' : renderMarkdown(content)), [content, mode]);
  const box = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const level = Number(box.current?.closest('[data-level]')?.getAttribute('data-level') ?? 1);
    box.current?.replaceChildren(toContent(html, level));
  }, [html]);
  if (mode === 'code') return <pre className={css.code}>{content}</pre>;
  return <div ref={box} className={css.text} />;
}

export const text: PanelKind = { Component: TextPanel, colorMode: 'thresholds', asks: false };
