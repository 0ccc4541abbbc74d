import { expect, test } from 'vitest';
import { uidOf } from './addresses';

test.each([['/d/a/some-name', 'a'], ['/d/a%2Fb', 'a/b'], ['/d/%E0%A4', '%E0%A4'], ['/d/', undefined], ['/dashboards', undefined], ['/', undefined]])('%s', (path, uid) => {
  expect(uidOf(path)).toBe(uid);
});
