import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Campaigns take minutes, all else seconds: begun last, one of them would end alone. */
class CampaignsFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isCampaign = ({ moduleId }: TestSpecification) => moduleId.includes('/test/faults/');
    const sorted = await super.sort(files);
    return [...sorted.filter(isCampaign), ...sorted.filter((file) => !isCampaign(file))];
  }
}

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
    // Only what hangs is to be ended: machines whose disk stands still for a minute have been met.
    testTimeout: 240_000,
    hookTimeout: 240_000,
    maxWorkers: 2,
    sequence: { sequencer: CampaignsFirst },
  },
});
