// Builds the web console into app-server/console/dist, with compressed copies beside each file: node build-console.ts
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { build } from "vite";

const root = fileURLToPath(new URL("app-server/console/", import.meta.url));
const assets = `${root}dist/assets/`;

// Whoever installs or tests with another one gets the console of production all the same, not React's for developers.
process.env.NODE_ENV = "production";
await build({ root, logLevel: "warn" });
for (const name of readdirSync(assets)) {
  const bytes = readFileSync(assets + name);
  writeFileSync(`${assets}${name}.br`, brotliCompressSync(bytes));
  writeFileSync(`${assets}${name}.gz`, gzipSync(bytes));
}
