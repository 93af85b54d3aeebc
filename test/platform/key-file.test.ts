import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { addMasterKey, deriveKey, loadOrCreateKeyFile, parseMasterKeys } from "../../platform/key-file.ts";

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "upchirp-keys-"));
  onTestFinished(() => rmSync(path, { recursive: true }));
  return path;
}

const thrown = (work: () => unknown): unknown => {
  try {
    return work();
  } catch (error) {
    return error;
  }
};

describe("the key file", () => {
  test("is made with one key, in a folder of its own, for its owner alone", () => {
    const path = join(folder(), "secrets", "keys");
    const keys = loadOrCreateKeyFile(path);
    expect(keys.older).toEqual([]);
    expect(keys.current.key).toHaveLength(32);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(join(path, "..")).mode & 0o777).toBe(0o700);
  });

  test("gives the same key each time", () => {
    const path = join(folder(), "keys");
    expect(loadOrCreateKeyFile(path)).toEqual(loadOrCreateKeyFile(path));
  });

  test.each([0o640, 0o604, 0o666, 0o610])("that others may use (mode %o) is refused, with what to do", mode => {
    const path = join(folder(), "keys");
    loadOrCreateKeyFile(path);
    chmodSync(path, mode);
    const error = thrown(() => loadOrCreateKeyFile(path));
    expect(error).toMatchObject({ code: "key_file" });
    expect(String(error)).toContain(`chmod 600 ${path}`);
  });

  test("keeps the older keys when a new one is added, newest first", () => {
    const path = join(folder(), "keys");
    const first = loadOrCreateKeyFile(path).current;
    const second = addMasterKey(path).current;
    const third = addMasterKey(path);
    expect(third.older).toEqual([second, first]);
    expect(new Set([third.current.id, second.id, first.id]).size).toBe(3);
    expect(loadOrCreateKeyFile(path)).toEqual(third);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test("leaves nothing beside it", () => {
    const place = folder();
    addMasterKey(join(place, "keys"));
    expect(readdirSync(place)).toEqual(["keys"]);
  });

  test("that is damaged is refused, is not written over, and its text is not repeated", () => {
    const path = join(folder(), "keys");
    const text = "0000000a:deadbeef\n";
    writeFileSync(path, text, { mode: 0o600 });
    for (const use of [loadOrCreateKeyFile, addMasterKey]) {
      const error = thrown(() => use(path));
      expect(error).toMatchObject({ code: "key_file" });
      expect(String(error)).not.toContain("deadbeef");
    }
    expect(readFileSync(path, "utf8")).toBe(text);
    expect(existsSync(`${path}.new`)).toBe(false);
  });
});

describe("keys as text", () => {
  const one = `0000000a:${"11".repeat(32)}`;
  const two = `0000000b:${"22".repeat(32)}`;

  test.each([`${one}\n${two}`, `${one},${two}`, `# newest first\n\n  ${one}  \n${two}\n`])(
    "are read, newest first",
    text => {
      const keys = parseMasterKeys(text, "UPCHIRP_KEYS");
      expect(keys.current).toMatchObject({ id: "0000000a", key: new Uint8Array(32).fill(0x11) });
      expect(keys.older.map(({ id }) => id)).toEqual(["0000000b"]);
    },
  );

  test.each(["", "# nothing", one.slice(0, -1), `${one}00`, one.replace(":", " "), `${one}\nrubbish`])(
    "of another form are refused by the name of where they stand",
    text => {
      const error = thrown(() => parseMasterKeys(text, "UPCHIRP_KEYS"));
      expect(error).toMatchObject({ code: "key_file" });
      expect(String(error)).toContain("UPCHIRP_KEYS");
      expect(String(error)).not.toContain("1111");
    },
  );
});

test("each purpose has a key of its own", () => {
  const { current } = parseMasterKeys(`0000000a:${"11".repeat(32)}`, "test");
  const keys = [deriveKey(current, "one", 32), deriveKey(current, "two", 32), current.key];
  expect(new Set(keys.map(key => Buffer.from(key).toString("hex"))).size).toBe(3);
  expect(deriveKey(current, "one", 32)).toEqual(keys[0]);
  expect(deriveKey(current, "one", 16)).toHaveLength(16);
});
