// Made-up answers of Prometheus' API with the labels that a query's grouping names, so that every panel of every dashboard has
// something to show without the systems it was written for.

const kLes = ['0.005', '0.01', '0.025', '0.05', '0.1', '0.25', '0.5', '1', '2.5', '+Inf'];

/** The labels that the outermost grouping keeps. */
function groupLabels(expr) {
  const leading = /^\s*(?:sort_desc\(|sort\(|round\(|topk\(\d+,\s*)*\w+\s+by\s*\(([^)]*)\)/.exec(expr)?.[1];
  const trailing = /by\s*\(([^)]*)\)[\s)]*(?:[<>!=]=?\s*[\d.]+)?\s*$/.exec(expr)?.[1];
  const any = /by\s*\(([^)]*)\)/.exec(expr)?.[1];
  const found = (leading ?? trailing ?? any)?.split(',').map((name) => name.trim()).filter((name) => name !== '');
  if (found !== undefined) return /histogram_quantile/.test(expr) ? found.filter((name) => name !== 'le') : found;
  return /^\s*(sum|count|max|min|avg|scalar|vector|histogram_quantile|1\b|\(?\s*(sum|avg|count))/.test(expr) ? [] : ['instance', 'job', 'namespace', 'pod', 'container', 'node', 'condition', 'reason'];
}

const kCopies = 4;

function labelSets(expr) {
  if (/traces_service_graph_connection_info/.test(expr)) {
    const calls = [['web', 'cart'], ['web', 'catalogue'], ['cart', 'database'], ['catalogue', 'database'], ['cart', 'payment'], ['payment', 'bank']];
    if (/"source"/.test(expr)) return calls.map(([client, server]) => ({ client, server, id: `${client}->${server}`, source: client, target: server }));
    const end = /max by \(client\)/.test(expr) ? 0 : 1;
    return [...new Set(calls.map((call) => call[end]))].map((name) => ({ [end === 0 ? 'client' : 'server']: name, id: name, title: name, color: '#1F3A6E' }));
  }
  const made = [...expr.matchAll(/,\s*"(\w+)",\s*"[^"]*",\s*"/g)].map(([, name]) => name); // what label_join() and label_replace() add
  const names = [...new Set([...groupLabels(expr), ...made])];
  const others = names.filter((name) => name !== 'le');
  const copies = others.length === 0 ? 1 : kCopies;
  const sets = Array.from({ length: copies }, (_, index) => Object.fromEntries(others.map((name) => [name, name === 'phase' ? ['Running', 'Pending', 'Failed', 'Succeeded'][index] : `${name}-${index + 1}`])));
  return names.includes('le') ? sets.flatMap((set) => kLes.map((le) => ({ ...set, le }))) : sets;
}

function sizeOf(expr) {
  if (/histogram_quantile|duration|latency|seconds/.test(expr)) return 0.4;
  if (/bytes|memory|size/.test(expr)) return 3e9;
  if (/percent|ratio|util|usage|idle|\/ *sum|\/ *count/.test(expr)) return 0.7;
  if (/\bup\b|status|info|ready|healthy|success/.test(expr)) return 1;
  return 40;
}

function valueAt(expr, labels, index, timeS) {
  const size = sizeOf(expr);
  if (size === 1) return 1;
  if (labels.le !== undefined) {
    const place = kLes.indexOf(labels.le);
    const middle = 4 + 2 * Math.sin(timeS / 900);
    return 50 / (1 + Math.exp(-(place - middle) * 1.3));
  }
  return size * (0.55 + 0.3 * Math.sin(timeS / 700 + index * 1.7) + 0.1 * Math.sin(timeS / 90 + index)) * (1 - index * 0.13);
}

/** The answer to a query at one moment, or over a range when `start` is given. */
export function answer(path, parameters) {
  const expr = parameters.get('query') ?? '';
  if (path.endsWith('/query_range')) {
    const [start, end, step] = ['start', 'end', 'step'].map((name) => Number(parameters.get(name)));
    const times = Array.from({ length: Math.min(2000, Math.floor((end - start) / step) + 1) }, (_, index) => start + index * step);
    return { resultType: 'matrix', result: labelSets(expr).map((metric, index) => ({ metric, values: times.map((time) => [time, String(valueAt(expr, metric, index, time))]) })) };
  }
  const time = Number(parameters.get('time'));
  return { resultType: 'vector', result: labelSets(expr).map((metric, index) => ({ metric, value: [time, String(valueAt(expr, metric, index, time))] })) };
}

/** Has the page's questions answered from here: the dashboard under its uid, queries, label values and series. */
export async function serveReference(page, document) {
  const success = (route, data) => route.fulfill({ contentType: 'application/json', body: JSON.stringify({ status: 'success', data }) });
  const parametersOf = (request) => new URLSearchParams(request.method() === 'POST' ? request.postData() ?? '' : new URL(request.url()).search);
  await page.route('**/api/dashboards/uid/**', (route) => route.fulfill({ contentType: 'application/json', body: JSON.stringify({ dashboard: document, meta: {} }) }));
  await page.route(/\/api\/v1\/query(_range)?(\?|$)/, (route) => success(route, answer(new URL(route.request().url()).pathname, parametersOf(route.request()))));
  await page.route('**/api/batch', (route) => {
    const lines = route.request().postDataJSON().queries.map(({ id, ...query }) => {
      const data = answer(query.step === undefined ? '/query' : '/query_range', new URLSearchParams(Object.entries(query).map(([name, value]) => [name, String(value)])));
      return JSON.stringify({ id, status: 200, answer: { status: 'success', data } });
    });
    return route.fulfill({ contentType: 'application/x-ndjson', body: `${lines.join('\n')}\n` });
  });
  await page.route(/\/api\/v1\/label\/[^/]+\/values/, (route) => {
    const label = decodeURIComponent(/\/label\/([^/]+)\/values/.exec(route.request().url())[1]);
    return success(route, [1, 2, 3].map((index) => `${label}-${index}`));
  });
  await page.route(/\/api\/v1\/series(\?|$)/, (route) => success(route, [{ __name__: 'made_up', instance: 'instance-1', job: 'job-1' }]));
}
