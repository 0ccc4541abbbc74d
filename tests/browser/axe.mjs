// Accessibility of a page as axe-core judges it (WCAG 2.2 A and AA, and its best practices).
import { readFileSync } from 'node:fs';

const source = readFileSync(new URL('../../ui/node_modules/axe-core/axe.min.js', import.meta.url), 'utf8');

/** What is wrong on the page as it stands, a line for each element; empty when nothing is. */
export async function violations(page) {
  await page.evaluate(source); // by the debugger's door: the content security policy lets no other script in
  return page.evaluate(async () => {
    const { violations: found } = await window.axe.run(document, { resultTypes: ['violations'] });
    return found.flatMap(({ id, impact, nodes }) => nodes.map((node) => `${id} (${impact}): ${node.target.join(' ')}: ${node.html.slice(0, 160)} — ${node.any.concat(node.all, node.none).map((check) => check.message).join('; ')}`));
  });
}
