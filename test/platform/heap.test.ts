import { execFileSync, spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
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

test("a server that starts sets them for itself", () => {
  const telling = `
    import { syncBuiltinESMExports } from "node:module";
    import v8 from "node:v8";
    const set = v8.setFlagsFromString;
    v8.setFlagsFromString = flag => { console.log(flag); set(flag); };
    syncBuiltinESMExports();`;
  const program = fileURLToPath(new URL("../../bin/upchirp.js", import.meta.url));
  const imported = `data:text/javascript,${encodeURIComponent(telling)}`;
  // It ends at once for want of its configuration.
  const args = ["--import", imported, program, "start", "--config", "/nowhere/upchirp.toml"];
  const { stdout, status } = spawnSync(process.execPath, args, { encoding: "utf8" });
  expect(stdout.split("\n")).toContain("--no-allocation-site-pretenuring");
  expect(status).not.toBe(0);
});
