import { readFileSync, existsSync } from 'node:fs';
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
    response.setHeader('Content-Type', 'application/json');
    if (!existsSync(path)) {
      response.statusCode = 404;
      response.end(JSON.stringify({ message: 'Dashboard not found' }));
      return;
    }
    const dashboard: unknown = JSON.parse(readFileSync(path, 'utf8'));
    response.end(JSON.stringify({ dashboard, meta: { slug: uid, provisioned: true, canEdit: false, canSave: false } }));
  };
  return {
    name: 'sextant-dashboards',
    configureServer: (server) => void server.middlewares.use(answer),
    configurePreviewServer: (server) => void server.middlewares.use(answer),
  };
}

const proxy = { '/api': upstream, '/-/': upstream };

export default defineConfig({
  plugins: [react(), serveDashboards()],
  resolve: {
    alias: [
      { find: /^lodash$/, replacement: 'lodash-es' },
      { find: /^moment-timezone$/, replacement: 'moment-timezone/builds/moment-timezone-with-data-10-year-range.js' },
    ],
  },
  server: { host: '127.0.0.1', proxy },
  preview: { host: '127.0.0.1', proxy },
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
