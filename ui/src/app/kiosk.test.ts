import { expect, test } from 'vitest';
import { readKiosk, withKiosk } from './kiosk';

test.each([['', 'off'], ['?kiosk', 'full'], ['?kiosk=1', 'full'], ['?kiosk=true', 'full'], ['?kiosk=tv', 'tv'], ['?kiosk=0', 'off'], ['?kiosk=false', 'off']])('%j: %s', (search, mode) => expect(readKiosk(search)).toBe(mode));
test('the rest of the address stays', () => expect([withKiosk('?a=1', true).toString(), withKiosk('?kiosk&a=1', false).toString()]).toEqual(['a=1&kiosk=1', 'a=1']));
