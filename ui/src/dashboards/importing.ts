/** A dashboard's text from elsewhere made ready to be saved here. */
import { asObject, asObjects, asText, isObject } from './read';
import type { DataSource } from './sources';

/** Longer texts are refused by the server too. */
export const kDocumentMax = 8 << 20;

/** Throws an Error that says what is wrong with the text. */
export function readDocument(text: string): Record<string, unknown> {
  if (text.length > kDocumentMax) throw new Error(`The text has ${text.length} characters; a dashboard may have ${kDocumentMax}.`);
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw new Error(`This is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  const document = isObject(parsed) && isObject(parsed['dashboard']) ? parsed['dashboard'] : parsed;
  if (!isObject(document)) throw new Error('This is not a dashboard: a JSON object is expected.');
  if (asText(document['title']).trim() === '') throw new Error('This is not a dashboard: it has no title.');
  return document;
}

/**
 * Grafana writes what differs from server to server as inputs ("${DS_PROMETHEUS}"): data sources become this server's default
 * one of their kind, constants their value.
 */
export function withInputs(document: Record<string, unknown>, sources: readonly DataSource[]): Record<string, unknown> {
  const { __inputs: inputs, __requires: _requires, id: _id, ...rest } = document;
  const values = new Map<string, string>();
  for (const input of asObjects(inputs)) {
    const name = asText(input['name']);
    const fitting = sources.filter((one) => one.type === asText(input['pluginId']));
    const source = fitting.find((one) => one.isDefault) ?? fitting[0];
    if (input['type'] === 'constant') values.set(name, asText(input['value']));
    else if (source !== undefined) values.set(name, source.uid);
  }
  const replaced = (value: unknown): unknown => {
    if (typeof value === 'string') return value.replace(/\$\{([A-Za-z0-9_-]+)\}/g, (whole, name: string) => values.get(name) ?? whole);
    if (Array.isArray(value)) return value.map(replaced);
    return isObject(value) ? Object.fromEntries(Object.entries(value).map(([key, one]) => [key, replaced(one)])) : value;
  };
  return values.size === 0 ? rest : asObject(replaced(rest));
}
