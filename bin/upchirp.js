#!/usr/bin/env node
// Runs the TypeScript sources of a checkout, or the compiled program of an installed package.
import { existsSync } from "node:fs";

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < 22 || (major === 22 && minor < 22)) {
  console.error(
    `upchirp needs Node 22.22 or newer and this is ${process.version}. ` +
      "In a checkout, `npm start` runs it on the Node that `npm install` brought; elsewhere install a current Node.",
  );
  process.exit(1);
}
const source = new URL("../upchirp.ts", import.meta.url);
const compiled = new URL("../dist/upchirp.js", import.meta.url);
const { main } = await import((existsSync(source) ? source : compiled).href);
await main(process.argv);
