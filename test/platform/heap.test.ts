import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { heapFlags } from "../../platform/heap.ts";

const gib = 1024 ** 3;

test("the whole heap is collected more rarely where there is memory for it", () => {
  expect(heapFlags(24 * gib)).toContain("--heap-growing-percent=300");
  expect(heapFlags(1 * gib)).not.toContain("--heap-growing-percent=300");
});

test("V8 knows every flag", () => {
  const known = execFileSync(process.execPath, ["--v8-options"], { encoding: "utf8" });
  for (const flag of heapFlags(24 * gib)) {
    const [, name] = /^--(?:no-)?([a-z-]+)/.exec(flag) ?? [];
    expect(known).toContain(`--${name} (`);
  }
});
