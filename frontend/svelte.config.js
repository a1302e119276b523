import { vitePreprocess } from '@sveltejs/vite-plugin-svelte';

/** Runes everywhere; styles go to files, because the Content-Security-Policy forbids inline ones. */
export default {
  preprocess: vitePreprocess(),
  compilerOptions: { runes: true, css: 'external' },
};
