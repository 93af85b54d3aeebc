import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/support/global-setup.ts"],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    pool: "forks",
    // Files of one worker share its modules: loading them anew for each file took two thirds of its time. A test leaves nothing
    // behind in a module or in the process.
    isolate: false,
    passWithNoTests: false,
  },
});
