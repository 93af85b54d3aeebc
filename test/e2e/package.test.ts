import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { runUpchirp, startUpchirp, temporaryFolder } from "../support/upchirp-process.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** The package as npm would publish it, unpacked as npm would install it, beside the dependencies of this checkout. */
function installPacked(folder: string): string {
  execFileSync(process.execPath, ["build.ts"], { cwd: root, stdio: "pipe" });
  const packed = execFileSync("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", folder], {
    cwd: root,
  });
  const tarball = readdirSync(folder).find(name => name.endsWith(".tgz"));
  if (tarball === undefined) throw new Error(`npm pack made nothing: ${packed.toString()}`);
  const modules = join(folder, "node_modules");
  const own = join(modules, "upchirp");
  mkdirSync(own, { recursive: true });
  execFileSync("tar", ["-xzf", join(folder, tarball), "-C", own, "--strip-components=1"]);
  for (const name of readdirSync(join(root, "node_modules"))) {
    if (!name.startsWith(".")) symlinkSync(join(root, "node_modules", name), join(modules, name));
  }
  return join(own, "bin", "upchirp.js");
}

test("the packed program runs in an empty folder", async () => {
  const folder = temporaryFolder();
  const program = installPacked(folder);
  const server = await startUpchirp(join(folder, "data"), [], program);
  expect((await fetch(`${server.apiUrl}/readyz`)).status).toBe(200);
  server.child.kill("SIGTERM");
  expect(await server.exited).toBe(0);
  const help = runUpchirp(["--help"], program);
  expect(await help.exited).toBe(0);
  for (const command of ["start", "simulate", "decode", "gateway", "device", "queue", "events", "migrate", "config"]) {
    expect(help.output()).toContain(command);
  }
});
