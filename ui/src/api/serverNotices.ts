/**
 * What the server has to say of itself now, such as that its configuration could not be read: followed as it happens,
 * and asked for from time to time where that is not to be had. A page that nobody sees follows nothing, so that many tabs
 * do not use up the browser's connections to the server.
 */
import { useEffect, useState } from 'react';
import { asObject, asText } from '../dashboards/read';
import { toBrowser } from './basePath';
import { getServerNotices } from './prometheus';
import type { ServerNotice } from './prometheus';

const kPollMs = 15_000;
const kTryLiveMs = 60_000;

/** The notices after one more event: an inactive one takes its text away. */
export function withEvent(notices: ServerNotice[], event: string): ServerNotice[] {
  let document: unknown;
  try {
    document = JSON.parse(event);
  } catch {
    return notices;
  }
  const one = asObject(document);
  const notice = { text: asText(one['text']), date: asText(one['date']), active: one['active'] === true };
  if (notice.text === '') return notices;
  const others = notices.filter(({ text }) => text !== notice.text);
  return notice.active ? [...others, notice].sort((a, b) => a.text.localeCompare(b.text)) : others;
}

/** Tells of every change until the answer is called. */
export function followServerNotices(changed: (notices: ServerNotice[]) => void): () => void {
  let notices: ServerNotice[] = [];
  let source: EventSource | undefined;
  let timer: number | undefined;
  let polling: AbortController | undefined;
  const set = (next: ServerNotice[]) => {
    notices = next;
    changed(next);
  };

  const stop = () => {
    source?.close();
    source = undefined;
    polling?.abort();
    polling = undefined;
    window.clearTimeout(timer);
  };
  const poll = (untilMs: number) => {
    const controller = new AbortController();
    polling = controller;
    getServerNotices(controller.signal).then((list) => set(list.filter(({ active }) => active)), () => undefined).finally(() => {
      if (controller.signal.aborted) return;
      timer = window.setTimeout(() => (Date.now() >= untilMs ? follow() : poll(untilMs)), kPollMs);
    });
  };
  const follow = () => {
    if (typeof EventSource === 'undefined') return poll(Number.POSITIVE_INFINITY);
    const opened = new EventSource(toBrowser('/api/v1/notifications/live'));
    source = opened;
    // What is up is told anew from the beginning.
    opened.onopen = () => set([]);
    opened.onmessage = ({ data }) => set(withEvent(notices, String(data)));
    opened.onerror = () => {
      if (opened.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
      source = undefined;
      poll(Date.now() + kTryLiveMs);
    };
  };

  const heedVisibility = () => {
    stop();
    if (!document.hidden) follow();
  };
  document.addEventListener('visibilitychange', heedVisibility);
  heedVisibility();
  return () => {
    document.removeEventListener('visibilitychange', heedVisibility);
    stop();
  };
}

export function useServerNotices(): ServerNotice[] {
  const [notices, setNotices] = useState<ServerNotice[]>([]);
  useEffect(() => followServerNotices(setNotices), []);
  return notices;
}
