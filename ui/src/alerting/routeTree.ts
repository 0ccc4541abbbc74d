/** The routing tree in the configuration that Alertmanager's API tells: block YAML as a server writes it, not as people do. */
import { asBoolean, asList, asObject, asObjects, asText } from '../dashboards/read';

export interface RouteNode {
  /** As the API names routes: the matchers from the root to here. */
  key: string;
  receiver: string;
  matchers: string[];
  groupBy: string[];
  continues: boolean;
  /** What is set here, not what is taken over. */
  timing: string;
  mutedBy: string[];
  routes: RouteNode[];
}

interface Line {
  indent: number;
  text: string;
}

const kDepthMax = 50;

function scalar(text: string): unknown {
  if (text === '[]') return [];
  if (text === '{}') return {};
  if (text.startsWith('"')) {
    try {
      return JSON.parse(text) as unknown;
    } catch {
      return text;
    }
  }
  if (text.startsWith("'") && text.endsWith("'")) return text.slice(1, -1).replaceAll("''", "'");
  return text === 'true' ? true : text === 'false' ? false : text === 'null' ? null : text;
}

/** A mapping's key and what follows it on its line; undefined for a line that is none. */
function splitKey(text: string): [string, string] | undefined {
  const found = /^("(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^\s"'\-#][^:]*?|-[^\s:][^:]*?):(?:\s+(.*))?$/.exec(text);
  return found === null ? undefined : [String(scalar(found[1] ?? '')), found[2] ?? ''];
}

/** The value whose lines begin at `at`, with their indent, and the place behind it. */
function block(lines: Line[], at: number, depth: number): [unknown, number] {
  const first = lines[at];
  if (first === undefined) return [null, at];
  if (depth > kDepthMax) throw new Error('It is nested too deep.');
  const { indent } = first;
  if (first.text === '-' || first.text.startsWith('- ')) {
    const list: unknown[] = [];
    while (lines[at]?.indent === indent && (lines[at]?.text === '-' || lines[at]?.text.startsWith('- '))) {
      const rest = (lines[at]?.text ?? '').slice(1).trimStart();
      if (rest === '' || splitKey(rest) !== undefined) {
        // What stands behind the dash is the first line of a block that is as far in as it.
        const inner = indent + (lines[at]?.text.length ?? 0) - rest.length;
        if (rest !== '') lines[at] = { indent: inner, text: rest };
        else at++;
        const [value, next] = block(lines, at, depth + 1);
        list.push(value);
        at = next;
      } else {
        list.push(scalar(rest));
        at++;
      }
    }
    return [list, at];
  }
  const object: Record<string, unknown> = {};
  while (lines[at]?.indent === indent) {
    const pair = splitKey(lines[at]?.text ?? '');
    if (pair === undefined) throw new Error(`This line is not understood: ${lines[at]?.text ?? ''}`);
    const [key, rest] = pair;
    at++;
    if (rest !== '') {
      object[key] = scalar(rest);
    } else {
      const next = lines[at];
      const isInside = next !== undefined && (next.indent > indent || (next.indent === indent && next.text.startsWith('- ')));
      const [value, end] = isInside ? block(lines, at, depth + 1) : [null, at];
      object[key] = value;
      at = end;
    }
  }
  return [object, at];
}

/** The part of the text that stands under `route:`. */
function routeLines(text: string): Line[] {
  const lines = text.split('\n').filter((line) => line.trim() !== '' && !line.trimStart().startsWith('#')).map((line) => ({ indent: line.length - line.trimStart().length, text: line.trim() }));
  const begin = lines.findIndex((line) => line.indent === 0 && line.text === 'route:');
  if (begin < 0) return [];
  const rest = lines.slice(begin + 1);
  const end = rest.findIndex((line) => line.indent === 0);
  return end < 0 ? rest : rest.slice(0, end);
}

const texts = (value: unknown) => asList(value).map((one) => asText(one));

function node(json: Record<string, unknown>, above: string, isRoot: boolean): RouteNode {
  const pairs = (value: unknown, operator: string) => Object.entries(asObject(value)).map(([name, one]) => `${name}${operator}${JSON.stringify(asText(one))}`);
  const matchers = [...pairs(json['match'], '='), ...pairs(json['match_re'], '=~'), ...texts(json['matchers'])];
  const key = isRoot ? '{}' : `${above}/{${[...matchers].sort().join(',')}}`;
  const timing = [['group_wait', 'waits'], ['group_interval', 'then every'], ['repeat_interval', 'repeats after']].flatMap(([name, words]) => (name !== undefined && json[name] !== undefined ? [`${words} ${asText(json[name])}`] : [])).join(', ');
  return {
    key, receiver: asText(json['receiver']), matchers, groupBy: texts(json['group_by']), continues: asBoolean(json['continue']), timing,
    mutedBy: [...texts(json['mute_time_intervals']), ...texts(json['active_time_intervals']).map((name) => `outside ${name}`)],
    routes: asObjects(json['routes']).map((one) => node(one, key, false)),
  };
}

/** Undefined when the text names no route. Throws an Error for lines that are not understood. */
export function readRouteTree(text: string): RouteNode | undefined {
  const lines = routeLines(text);
  if (lines.length === 0) return undefined;
  return node(asObject(block(lines, 0, 0)[0]), '', true);
}
