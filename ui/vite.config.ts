import { existsSync, readdirSync, readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { fileURLToPath } from 'node:url';
import react from '@vitejs/plugin-react';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';

const upstream = process.env['SEXTANT_URL'] ?? 'http://127.0.0.1:9090';
const dashboards = fileURLToPath(new URL('../dashboards/', import.meta.url));

type Next = () => void;

/**
 * Answers GET /api/dashboards/uid/<uid> from ../dashboards as the real server does, so that the pages can be developed
 * against a server that has only Prometheus' HTTP API.
 */
function serveDashboards(): Plugin {
  const answer = (request: IncomingMessage, response: ServerResponse, next: Next) => {
    const uid = /^\/api\/dashboards\/uid\/([\w-]+)$/.exec((request.url ?? '').split('?')[0] ?? '')?.[1];
    if (uid === undefined) return next();
    const path = `${dashboards}${uid}.json`;
    if (!existsSync(path)) return next(); // the server may have it
    response.setHeader('Content-Type', 'application/json');
    const dashboard: unknown = JSON.parse(readFileSync(path, 'utf8'));
    response.end(JSON.stringify({ dashboard, meta: { slug: uid, provisioned: true, canEdit: false, canSave: false } }));
  };
  return {
    name: 'sextant-dashboards',
    configureServer: (server) => void server.middlewares.use(answer),
    configurePreviewServer: (server) => void server.middlewares.use(answer),
  };
}

/** Writes assets/third-party-licences-<hash>.txt: the licence of every package of which something ended up in the bundle. */
function listLicences(): Plugin {
  return {
    name: 'sextant-licences',
    apply: 'build',
    generateBundle(_options, bundle) {
      const folders = new Set<string>();
      for (const chunk of Object.values(bundle)) {
        if (chunk.type !== 'chunk') continue;
        for (const id of chunk.moduleIds) {
          const folder = /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(id.replace(/^\0/, ''))?.[0];
          if (folder !== undefined && existsSync(`${folder}/package.json`)) folders.add(folder);
        }
      }
      const texts = [...folders].map((folder) => {
        const about = JSON.parse(readFileSync(`${folder}/package.json`, 'utf8')) as { name: string; version: string; license?: string };
        const file = readdirSync(folder).find((name) => /^(licen[cs]e|copying)/i.test(name));
        return `${about.name} ${about.version} (${about.license ?? 'see text'})\n\n${file === undefined ? '' : readFileSync(`${folder}/${file}`, 'utf8').trim()}\n`;
      });
      this.emitFile({ type: 'asset', name: 'third-party-licences.txt', source: texts.sort().join(`\n${'-'.repeat(80)}\n\n`) });
    },
  };
}

const contentPolicy = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'self'; base-uri 'none'";

const proxy = { '/api': upstream, '/-/': upstream };

export default defineConfig({
  plugins: [react(), serveDashboards(), listLicences()],
  resolve: {
    alias: [
      { find: /^lodash$/, replacement: 'lodash-es' },
      { find: /^moment-timezone$/, replacement: 'moment-timezone/builds/moment-timezone-with-data-10-year-range.js' },
    ],
  },
  server: { host: '127.0.0.1', proxy },
  // The preview obeys the server's policy, so that a violation shows before it is embedded.
  preview: { host: '127.0.0.1', proxy, headers: { 'Content-Security-Policy': contentPolicy } },
  // Pages are served below any path: the server rewrites the addresses in index.html, the others are relative to their file.
  experimental: { renderBuiltUrl: (_file, { hostType }) => (hostType === 'html' ? undefined : { relative: true }) },
  build: {
    target: 'es2022',
    cssTarget: ['chrome123', 'firefox121', 'safari17.5'],
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 1500,
  },
  test: {
    environment: 'happy-dom',
    include: ['src/**/*.test.{ts,tsx}'],
    server: { deps: { inline: ['@grafana/data', '@grafana/schema'] } },
  },
});
