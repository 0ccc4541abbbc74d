import { lazy, Suspense } from 'react';
import type { ComponentType } from 'react';
import { Loading } from '../components/States';
import type { PanelProps } from './panel';

/** A panel whose code comes when the first of its type is shown. */
export function onNeed(load: () => Promise<{ default: ComponentType<PanelProps> }>): ComponentType<PanelProps> {
  const Panel = lazy(load);
  return function PanelOnNeed(props: PanelProps) {
    return <Suspense fallback={<Loading what="the panel" patient />}><Panel {...props} /></Suspense>;
  };
}
