/** What stands where content is not: loading, nothing to show, something to know, something wrong. */
import { useEffect, useState } from 'react';
import type { ReactNode } from 'react';
import { ApiError } from '../api/client';
import { Icon } from './icons';
import type { IconName } from './icons';
import { afterPatience } from './patience';
import css from './States.module.css';

/** `patient`: what mostly comes in no time shows nothing until it takes longer. */
export function Loading({ what, patient = false }: { what: string; patient?: boolean }) {
  const [shown, setShown] = useState(!patient);
  useEffect(() => {
    if (!shown) return afterPatience(() => setShown(true));
  }, [shown]);
  if (!shown) return null;
  return (
    <div className={css.loading} role="status">
      <span className={css.spinner} aria-hidden="true" />
      <span className="visually-hidden">Loading {what}</span>
    </div>
  );
}

export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className={css.empty}>
      <p className={css.emptyTitle}>{title}</p>
      {children !== undefined && <p>{children}</p>}
    </div>
  );
}

export type Tone = 'ok' | 'warn' | 'bad' | 'info' | 'neutral';

interface NoticeProps {
  tone: Tone;
  icon?: IconName;
  title?: string;
  children?: ReactNode;
}

export function Notice({ tone, icon, title, children }: NoticeProps) {
  return (
    <div className={`${css.notice} ${css[tone]}`} role={tone === 'bad' ? 'alert' : 'note'}>
      <Icon name={icon ?? (tone === 'info' ? 'info' : 'warning')} />
      <div className={css.noticeText}>
        {title !== undefined && <strong>{title}. </strong>}
        {children}
      </div>
    </div>
  );
}

/** Why a page has no data; silent about a server that is away, which the shell announces for all pages. */
export function PageError({ title, error }: { title: string; error: Error | undefined }) {
  if (error === undefined || (error instanceof ApiError && error.kind === 'unreachable')) return null;
  return <Notice tone="bad" title={title}>{error.message}</Notice>;
}

/** A thin bar along the top edge of what is being refreshed. */
export function Progress({ shown }: { shown: boolean }) {
  return shown ? <div className={css.progress} aria-hidden="true" /> : null;
}
