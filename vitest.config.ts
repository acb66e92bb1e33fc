import { defineConfig } from 'vitest/config';

export default defineConfig({
  // The same constant that the build sets: see src/core/sabotage.d.ts.
  define: { __SABOTAGE__: JSON.stringify(process.env['STEPASIDE_SABOTAGE'] ?? '') },
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    maxWorkers: 2,
  },
});
