import { execFile, execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { blocksOf, readText } from "../docs/markdown.ts";
import { runUpchirp, startUpchirp, temporaryFolder } from "../support/upchirp-process.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

const run = promisify(execFile);

/** The package as npm would publish it, unpacked as npm would install it, beside the dependencies of this checkout. */
function installPacked(folder: string): string {
  execFileSync(process.execPath, ["build.ts", "--built-console"], { cwd: root, stdio: "pipe" });
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

const compiler = join(root, "node_modules", "typescript", "bin", "tsc");

/** The page's examples of the client, type-checked as their reader's would be; those labelled to run are run. */
async function tryClient(folder: string, environment: Readonly<Record<string, string>>): Promise<string> {
  const examples = blocksOf(readText("docs/api.md")).filter(({ label }) => label.startsWith("client "));
  expect(examples.length).toBeGreaterThan(1);
  const files = examples.map(({ label, text }, index) => {
    const name = `${label.replaceAll(" ", "-")}-${index}.mts`;
    writeFileSync(join(folder, name), text);
    return name;
  });
  const options = ["--noEmit", "--strict", "--module", "nodenext", "--target", "es2024", "--types", "node"];
  execFileSync(process.execPath, [compiler, ...options, ...files], { cwd: folder, stdio: "pipe" });
  const env = { ...process.env, ...environment };
  const runs = files.filter(name => name.startsWith("client-runs"));
  const outputs = await Promise.all(runs.map(name => run(process.execPath, [name], { cwd: folder, env })));
  return outputs.map(({ stdout }) => stdout).join("");
}

test("the packed program runs in an empty folder, and programs there import its client", async () => {
  const folder = temporaryFolder();
  const program = installPacked(folder);
  const server = await startUpchirp(join(folder, "data"), [], program);
  expect((await fetch(`${server.apiUrl}/readyz`)).status).toBe(200);
  const said = await tryClient(folder, { UPCHIRP: server.apiUrl, TOKEN: server.token() });
  expect(said).toBe("Greenhouses\n");
  server.child.kill("SIGTERM");
  expect(await server.exited).toBe(0);
  const help = runUpchirp(["--help"], program);
  expect(await help.exited).toBe(0);
  for (const command of ["start", "simulate", "decode", "gateway", "device", "queue", "events", "migrate", "config"]) {
    expect(help.output()).toContain(command);
  }
});
