// Makes the types of the client, client/openapi.d.ts, of client/openapi.json.
// The generator needs a TypeScript older than ours, so npm brings both for this one run.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL("client/", import.meta.url));
const packages = ["openapi-typescript@7.13.0", "typescript@5.9.3"];
const types = execFileSync(
  "npm",
  ["exec", "--yes", ...packages.map(name => `--package=${name}`), "--", "openapi-typescript", `${folder}openapi.json`],
  { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] },
);
const sha256 = createHash("sha256")
  .update(readFileSync(`${folder}openapi.json`))
  .digest("hex");
writeFileSync(`${folder}openapi.d.ts`, `// Made by \`npm run client\` of openapi.json, SHA-256 ${sha256}\n${types}`);
