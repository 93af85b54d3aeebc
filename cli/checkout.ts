import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Checkout, UnusableFile } from "../profile-sources/source.ts";

/** One on this machine's disk. */
export const checkoutIn = (root: string): Checkout => ({
  namesIn: folder => readdir(join(root, folder)).catch(() => undefined),
  async textOf(path) {
    try {
      return await readFile(join(root, path), "utf8");
    } catch (error) {
      const code = error instanceof Error && "code" in error ? String(error.code) : "error";
      if (code === "ENOENT") return undefined;
      throw new UnusableFile(`${path.split("/").at(-1)} cannot be read (${code})`, path);
    }
  },
});
