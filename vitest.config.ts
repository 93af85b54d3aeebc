import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/support/global-setup.ts"],
    // Whole programs start in some: long enough for a busy machine.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    expect: { poll: { timeout: 20_000 } },
    pool: "forks",
    // Files of one worker share its modules: loading them anew for each file took two thirds of its time. A test leaves nothing
    // behind in a module or in the process.
    isolate: false,
    // Many files wait for programs rather than compute.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    passWithNoTests: false,
    // As Node gives what CommonJS exports.
    deps: { interopDefault: false },
  },
});
