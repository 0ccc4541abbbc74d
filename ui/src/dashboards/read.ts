/** Reading values of unknown shape: a wrong type gives the default, never an exception. */

export type Json = Record<string, unknown>;

export const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value);
export const asObject = (value: unknown): Json => (isObject(value) ? value : {});
export const asList = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
export const asObjects = (value: unknown): Json[] => asList(value).filter(isObject);
export const asText = (value: unknown, otherwise = ''): string => (typeof value === 'string' ? value : typeof value === 'number' ? String(value) : otherwise);
export const asBoolean = (value: unknown, otherwise = false): boolean => (typeof value === 'boolean' ? value : otherwise);

export function asNumber(value: unknown, otherwise: number): number {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) ? number : otherwise;
}

export function asOptionalNumber(value: unknown): number | undefined {
  const number = asNumber(value, NaN);
  return Number.isNaN(number) ? undefined : number;
}
