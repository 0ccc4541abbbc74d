import { standardTransformers, standardTransformersRegistry, transformDataFrame } from '@grafana/data';
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

/** Applies a panel's transformations in order; unknown ones pass the frames on. */
export async function transformFrames(steps: { id: string }[], frames: DataFrame[], replace: (text: string) => string): Promise<DataFrame[]> {
  if (steps.length === 0) return frames;
  if (!registered) register();
  registered = true;
  return firstValueFrom(transformDataFrame(steps as DataTransformerConfig[], frames, { interpolate: replace }));
}
