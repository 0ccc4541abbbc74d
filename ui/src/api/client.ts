/**
 * One request to the server. An answer in Prometheus' envelope becomes its data with warnings and infos; everything else
 * becomes an ApiError that says in words a person can read what went wrong.
 */
import { toBrowser } from './basePath';
import { kJsonRequest, takeBegun } from './begun';
import { textOf, TooLarge } from './body';
import { heedLoggedOut } from './loggedOut';
import { reportReachable, reportUnreachable } from './reachability';
import type { ApiExemplars } from './types';

export type ErrorKind = 'unreachable' | 'refused' | 'malformed';

export class ApiError extends Error {
  constructor(
    message: string,
    readonly kind: ErrorKind,
    readonly status?: number,
    /** Prometheus' error type: bad_data, execution, timeout, … */
    readonly type?: string,
  ) {
    super(message);
    this.name = 'ApiError';
  }
}

export interface Answer<T> {
  data: T;
  /** Of the series that were asked for, where there are any and they were wanted. */
  exemplars?: ApiExemplars[] | undefined;
  warnings: string[];
  infos: string[];
}

export type Parameters = Record<string, string | number | string[] | undefined>;

/** Longer parameters travel in the body: proxies cut addresses at 4 to 8 KB. */
const kAddressParametersMax = 3000;

function encode(parameters: Parameters): URLSearchParams {
  const encoded = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value === undefined) continue;
    for (const one of Array.isArray(value) ? value : [value]) encoded.append(name, String(one));
  }
  return encoded;
}

export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'AbortError';
}

async function send(path: string, parameters: Parameters, signal?: AbortSignal): Promise<Response> {
  const address = toBrowser(path);
  const encoded = encode(parameters).toString();
  const inBody = encoded.length > kAddressParametersMax;
  try {
    const begun = encoded === '' ? takeBegun(path) : undefined;
    const response = await (begun ?? fetch(inBody || encoded === '' ? address : `${address}?${encoded}`, {
      ...kJsonRequest, method: inBody ? 'POST' : 'GET', body: inBody ? new URLSearchParams(encoded) : null, signal: signal ?? null,
    }));
    signal?.throwIfAborted();
    heedLoggedOut(response);
    return response;
  } catch (error) {
    if (isAbort(error)) throw error;
    reportUnreachable('the connection failed');
    throw new ApiError('The server cannot be reached: the connection failed.', 'unreachable');
  }
}

/** What was sent; a connection that breaks meanwhile is one that could not be made. */
async function readBody(response: Response): Promise<string> {
  try {
    return await textOf(response);
  } catch (error) {
    if (isAbort(error)) throw error;
    if (error instanceof TooLarge) throw new ApiError(error.message, 'refused', response.status);
    reportUnreachable('the connection broke');
    throw new ApiError('The server went away while it answered: the connection broke.', 'unreachable');
  }
}

function readJson(text: string, response: Response): unknown {
  try {
    return JSON.parse(text);
  } catch {
    const gateway = response.status >= 500;
    if (gateway) reportUnreachable(`HTTP ${response.status}`);
    throw new ApiError(
      gateway ? `The server cannot be reached: HTTP ${response.status}.` : `The answer (HTTP ${response.status}) is not JSON.`,
      gateway ? 'unreachable' : 'malformed',
      response.status,
    );
  }
}

/** GET (or POST when long) of a JSON document without an envelope. */
export async function fetchJson(path: string, parameters: Parameters = {}, signal?: AbortSignal): Promise<unknown> {
  const response = await send(path, parameters, signal);
  const document = readJson(await readBody(response), response);
  reportReachable();
  if (!response.ok) {
    throw new ApiError(messageOf(JSON.stringify(document)) ?? `HTTP ${response.status}`, 'refused', response.status);
  }
  return document;
}

/** A request with a JSON body, for what changes something; the answer may be empty. Errors read like those of fetchJson. */
export async function sendJson(method: 'POST' | 'PUT' | 'PATCH' | 'DELETE', path: string, body?: unknown): Promise<unknown> {
  return sendBody(method, path, body === undefined ? undefined : { type: 'application/json', text: JSON.stringify(body) });
}

/** The same with a text, for what takes a file. */
export async function sendText(path: string, text: string, signal?: AbortSignal): Promise<unknown> {
  return sendBody('POST', path, { type: 'text/plain', text }, signal);
}

/** Where 401 means that the old password is wrong, not that nobody is logged in. */
const kOwnPassword = '/api/user/password';

async function sendBody(method: 'POST' | 'PUT' | 'PATCH' | 'DELETE', path: string, body?: { type: string; text: string }, signal?: AbortSignal): Promise<unknown> {
  let response: Response;
  try {
    response = await fetch(toBrowser(path), {
      method, credentials: 'same-origin', headers: { Accept: 'application/json', ...(body === undefined ? {} : { 'Content-Type': body.type }) }, body: body?.text ?? null, signal: signal ?? null,
    });
  } catch (error) {
    if (isAbort(error)) throw error;
    reportUnreachable('the connection failed');
    throw new ApiError('The server cannot be reached: the connection failed.', 'unreachable');
  }
  if (path !== kOwnPassword) heedLoggedOut(response);
  const text = await response.text();
  if (response.ok) {
    reportReachable();
    return text.trim() === '' ? undefined : readJson(text, response);
  }
  throw new ApiError(messageOf(text) ?? `HTTP ${response.status}`, 'refused', response.status);
}

/** Alertmanager answers errors as a JSON string, Grafana as an object with a message, proxies as text. */
function messageOf(text: string): string | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === 'string') return parsed;
    const message = (parsed as { message?: unknown; error?: unknown } | null)?.message ?? (parsed as { error?: unknown } | null)?.error;
    return typeof message === 'string' ? message : undefined;
  } catch {
    return text.length > 0 && text.length < 500 && !text.startsWith('<') ? text.trim() : undefined;
  }
}

export interface Envelope {
  status?: string;
  data?: unknown;
  exemplars?: ApiExemplars[];
  error?: string;
  errorType?: string;
  warnings?: string[];
  infos?: string[];
}

/** GET (or POST when long) of a call of Prometheus' API. */
export async function call<T>(path: string, parameters: Parameters = {}, signal?: AbortSignal): Promise<Answer<T>> {
  const response = await send(path, parameters, signal);
  const envelope = readJson(await readBody(response), response) as Envelope | null;
  reportReachable();
  return openEnvelope<T>(envelope, response.status);
}

/** What is in an answer of Prometheus' API; throws what it refuses. */
export function openEnvelope<T>(envelope: Envelope | null | undefined, status: number): Answer<T> {
  if (envelope === null || typeof envelope !== 'object' || envelope.status === undefined) {
    throw new ApiError(`The answer (HTTP ${status}) is not in the API's form.`, 'malformed', status);
  }
  if (envelope.status !== 'success') {
    throw new ApiError(envelope.error ?? `HTTP ${status}`, 'refused', status, envelope.errorType);
  }
  return { data: envelope.data as T, exemplars: envelope.exemplars, warnings: envelope.warnings ?? [], infos: envelope.infos ?? [] };
}
