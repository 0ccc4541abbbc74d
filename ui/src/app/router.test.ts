import { expect, test, vi } from 'vitest';
import { navigate, setSearch } from './router';

test('going somewhere adds to the history once', () => {
  window.history.replaceState(null, '', '/');
  const push = vi.spyOn(window.history, 'pushState');
  navigate('/targets?health=up');
  navigate('/targets?health=up');
  expect(push).toHaveBeenCalledTimes(1);
  expect(window.location.pathname + window.location.search).toBe('/targets?health=up');
  setSearch(new URLSearchParams());
  expect(window.location.pathname + window.location.search).toBe('/targets');
});
