import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { prepareDataFolder } from "../../platform/data-folder.ts";

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "upchirp-folder-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

test("makes a missing folder for its owner alone", () => {
  const folder = join(temporaryFolder(), "a", "data");
  prepareDataFolder(folder);
  expect(statSync(folder).mode & 0o077).toBe(0);
});

test("leaves the rights of a folder that is there", () => {
  const folder = join(temporaryFolder(), "data");
  mkdirSync(folder, { mode: 0o750 });
  const before = statSync(folder).mode;
  prepareDataFolder(folder);
  expect(statSync(folder).mode).toBe(before);
});

test("tells what is in the way", () => {
  const file = join(temporaryFolder(), "file");
  writeFileSync(file, "");
  for (const path of [file, join(file, "data")]) {
    expect(() => prepareDataFolder(path)).toThrow(`${path} is not a folder, or below something that is none`);
  }
});

// The rights of files do not bind root.
test.skipIf(process.getuid?.() === 0)("tells that this user may not write there", () => {
  const folder = join(temporaryFolder(), "locked");
  mkdirSync(folder, { mode: 0o500 });
  expect(() => prepareDataFolder(folder)).toThrow(`this user may not write in ${folder}`);
  expect(() => prepareDataFolder(join(folder, "data"))).toThrow(`this user may not make ${join(folder, "data")}`);
});
