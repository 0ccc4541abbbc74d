import { describe, expect, test } from 'vitest';
import { kDocumentMax, readDocument, withInputs } from './importing';

describe('an imported dashboard', () => {
  test('is read with or without what the API puts around it', () => {
    expect(readDocument('{"title":"A"}')).toEqual({ title: 'A' });
    expect(readDocument('{"meta":{},"dashboard":{"title":"A"}}')).toEqual({ title: 'A' });
  });
  test('says what is wrong with it', () => {
    expect(() => readDocument('{')).toThrow('not JSON');
    expect(() => readDocument('[]')).toThrow('a JSON object is expected');
    expect(() => readDocument('{"title":" "}')).toThrow('no title');
    expect(() => readDocument(' '.repeat(kDocumentMax + 1))).toThrow('may have');
  });
  test('has its inputs filled in', () => {
    const sources = [{ uid: 'a', name: 'A', type: 'prometheus', isDefault: false, own: false, unsupported: undefined, scrapeIntervalMs: 15_000, traceLinks: [], tracesInSources: [] }, { uid: 'b', name: 'B', type: 'prometheus', isDefault: true, own: true, unsupported: undefined, scrapeIntervalMs: 15_000, traceLinks: [], tracesInSources: [] }];
    const document = {
      id: 7, title: 'T', __requires: [], __inputs: [{ name: 'DS_X', type: 'datasource', pluginId: 'prometheus' }, { name: 'JOB', type: 'constant', value: 'node' }],
      panels: [{ datasource: { uid: '${DS_X}' }, targets: [{ expr: 'up{job="${JOB}", x="${other}"}' }] }],
    };
    expect(withInputs(document, sources)).toEqual({ title: 'T', panels: [{ datasource: { uid: 'b' }, targets: [{ expr: 'up{job="node", x="${other}"}' }] }] });
    expect(withInputs({ id: 1, title: 'T' }, [])).toEqual({ title: 'T' });
  });
});
