import { expect, test } from 'vitest';
import { createDataFrame, FieldType } from '../grafana';
import { partOf } from './dataContext';

const frame = createDataFrame({
  name: 'a series',
  fields: [
    { name: 'Time', type: FieldType.time, values: [1000, 2000], config: {} },
    { name: 'Value', type: FieldType.number, values: [1, 0.25], labels: { pod: 'p-1', 'k8s.name': 'n' }, config: { displayName: 'load' } },
  ],
});
const field = frame.fields[1];
if (field === undefined) throw new Error('no field');
field.display = (value) => ({ text: String(Number(value) * 100), suffix: '%', numeric: Number(value) });
const at = (context: Record<string, unknown>) => ({ __dataContext: { value: { frame, field, ...context } }, __calc: { value: 'max' } });

test.each([
  ['__field', 'labels.pod', 'p-1'], ['__field', 'labels["k8s.name"]', 'n'], ['__field', 'labels.none', ''], ['__field', 'labels', 'pod="p-1", k8s.name="n"'], ['__field', 'name', 'load'],
  ['__series', 'name', 'a series'], ['__value', 'text', '25%'], ['__value', '', '25%'], ['__value', 'raw', '0.25'], ['__value', 'numeric', '0.25'], ['__value', 'time', '2000'], ['__value', 'calc', 'max'],
  ['__data', 'fields.load', '25%'], ['__data', 'fields[0]', '2000'], ['__data', 'fields["load"].numeric', '0.25'], ['__data', 'fields.none', undefined], ['__calc', '', 'max'], ['other', 'x', undefined],
])('${%s.%s}', (name, part, expected) => expect(partOf(at({ rowIndex: 1 }), name, part)).toBe(expected));

test('a reduced value stands for the row', () => {
  const scope = at({ calculatedValue: { text: '7', numeric: 7 } });
  expect([partOf(scope, '__value', 'text'), partOf(scope, '__value', 'raw'), partOf(scope, '__value', 'time'), partOf(undefined, '__value', 'text')]).toEqual(['7', '7', undefined, undefined]);
});
