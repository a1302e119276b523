import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';

/** Where `npm run dev` finds the backend. */
const backend = process.env.HMRS_DEV_BACKEND ?? 'http://127.0.0.1:5000';

export default defineConfig({
  // Relative addresses: the console may be served below a path by a proxy.
  base: './',
  plugins: [svelte()],
  server: {
    proxy: {
      '/api': backend,
      '/socket.io': { target: backend, ws: true },
    },
  },
  build: {
    target: 'es2022',
    // The Content-Security-Policy allows no data: fonts and no inline scripts: nothing is inlined.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  test: { include: ['test/unit/**/*.test.ts'], environment: 'node', testTimeout: 30_000 },
});
