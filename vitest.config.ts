import { defineConfig } from 'vitest/config';

export default defineConfig({
  // The same constants that the build sets: see src/core/sabotage.d.ts and src/quick/build.d.ts.
  define: { __SABOTAGE__: JSON.stringify(process.env['STEPASIDE_SABOTAGE'] ?? ''), __BUILD__: '"test"' },
  test: {
    include: ['test/**/*.test.ts'],
    // One real S3 server for the run; without any the run fails and says what to install.
    globalSetup: ['test/rig/fresh-build.ts', 'test/rig/global-setup.ts'],
    setupFiles: ['test/rig/count-sent.ts'],
    // The images that tests name are nobody's.
    env: { STEPASIDE_REGISTRIES: 'off' },
    testTimeout: 60_000,
    hookTimeout: 120_000,
    maxWorkers: 2,
  },
});
