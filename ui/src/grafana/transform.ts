import { fieldMatchers, standardTransformers, standardTransformersRegistry, transformDataFrame } from '@grafana/data';
import type { DataFrame, DataTransformerConfig } from '@grafana/data';
import { firstValueFrom } from 'rxjs';

/** The library names its transformations but registers none; some share an id, of which the first counts. */
function register(): void {
  standardTransformersRegistry.setInit(() => {
    const seen = new Set<string>();
    return Object.values(standardTransformers).flatMap((transformer) => {
      if (seen.has(transformer.id)) return [];
      seen.add(transformer.id);
      return [{
        id: transformer.id, name: transformer.name, transformation: () => Promise.resolve(transformer), imageDark: '', imageLight: '',
        // Documents from before 2021 say seriesToColumns for what is joinByField.
        ...(transformer.id === 'joinByField' ? { aliasIds: ['seriesToColumns'] } : {}),
      }];
    }) as unknown as ReturnType<Parameters<typeof standardTransformersRegistry.setInit>[0]>;
  });
}

let registered = false;

/** Transformations that the library does not have. */
export function unknownTransformations(steps: { id: string; disabled?: boolean }[]): string[] {
  if (steps.length === 0) return [];
  const known = new Set(Object.values(standardTransformers).map((transformer): string => transformer.id));
  return steps.filter((step) => step.disabled !== true && step.id !== 'seriesToColumns' && !known.has(step.id)).map((step) => step.id);
}

/** Kinds of overrides that the library cannot match. */
export function unknownMatchers(overrides: { matcher: { id: string } }[]): string[] {
  return [...new Set(overrides.map((rule) => rule.matcher.id))].filter((id) => fieldMatchers.getIfExists(id) === undefined);
}

/** Applies a panel's transformations in order. */
export async function transformFrames(steps: { id: string }[], frames: DataFrame[], replace: (text: string) => string): Promise<DataFrame[]> {
  if (steps.length === 0) return frames;
  if (!registered) register();
  registered = true;
  return firstValueFrom(transformDataFrame(steps as DataTransformerConfig[], frames, { interpolate: replace }));
}
