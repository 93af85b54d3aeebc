// Compiles the publishable package into dist/: JavaScript, and the files that the program reads at run time. With
// --built-console, the console as `npm install` has built it.
import { execFileSync } from "node:child_process";
import { cpSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL(".", import.meta.url));
const compiler = fileURLToPath(new URL("node_modules/typescript/bin/tsc", import.meta.url));

rmSync(`${root}dist`, { recursive: true, force: true });
for (const project of ["tsconfig.build.json", "tsconfig.client.json"]) {
  execFileSync(process.execPath, [compiler, "--project", project], { cwd: root, stdio: "inherit" });
}
cpSync(`${root}client/openapi.d.ts`, `${root}dist/client/openapi.d.ts`);
cpSync(`${root}app-server/storage/migrations`, `${root}dist/app-server/storage/migrations`, { recursive: true });
// Others may be looking at the console that is there.
if (!process.argv.includes("--built-console")) await import("./build-console.ts");
cpSync(`${root}app-server/console/dist`, `${root}dist/app-server/console/dist`, { recursive: true });
console.log("dist/ is ready; `npm pack` makes the package");
