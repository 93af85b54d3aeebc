import { type Checkout, type ProfileSource, UnusableFile } from "../../../../../../profile-sources/source.ts";

export type RepositoryFormat = "ttn" | "chirpstack";

/** A folder that was chosen, as a checkout of the repository that it is. */
export interface Repository {
  readonly format: RepositoryFormat;
  readonly checkout: Checkout;
  /** How many folders of vendors there are. */
  readonly vendors: number;
}

const layouts: readonly { readonly format: RepositoryFormat; readonly mark: RegExp; readonly vendor: RegExp }[] = [
  { format: "ttn", mark: /^(.*\/)?vendor\/index\.yaml$/, vendor: /^vendor\/([^/]+)\/index\.yaml$/ },
  { format: "chirpstack", mark: /^(.*\/)?vendors\/[^/]+\/vendor\.toml$/, vendor: /^vendors\/([^/]+)\/vendor\.toml$/ },
];

/** The repository that is in these files, by their paths; undefined where there is none. The checkout's own top is found. */
export function repositoryIn<Item extends Pick<File, "text">>(
  files: ReadonlyMap<string, Item>,
): Repository | undefined {
  const paths = [...files.keys()].toSorted((one, other) => one.split("/").length - other.split("/").length);
  for (const { format, mark, vendor } of layouts) {
    const found = paths.map(path => mark.exec(path)).find(match => match !== null);
    if (!found) continue;
    const [, top = ""] = found;
    const below = new Map(
      [...files].flatMap(([path, file]) => (path.startsWith(top) ? [[path.slice(top.length), file] as const] : [])),
    );
    const vendors = [...below.keys()].filter(path => vendor.test(path)).length;
    return { format, checkout: checkoutOf(below), vendors };
  }
  return undefined;
}

function checkoutOf(files: ReadonlyMap<string, Pick<File, "text">>): Checkout {
  const folders = new Map<string, Set<string>>();
  for (const path of files.keys()) {
    const parts = path.split("/");
    for (const [index, name] of parts.entries()) {
      const folder = parts.slice(0, index).join("/");
      const names = folders.get(folder) ?? new Set();
      folders.set(folder, names.add(name));
    }
  }
  // Devices of one kind share codecs and radio settings.
  const texts = new Map<string, Promise<string>>();
  return {
    async namesIn(folder) {
      const names = folders.get(folder);
      return names && [...names];
    },
    async textOf(path) {
      const file = files.get(path);
      if (file === undefined) return undefined;
      const text = texts.get(path) ?? file.text();
      texts.set(path, text);
      return text.catch(() => {
        throw new UnusableFile(`${path.split("/").at(-1)} cannot be read`, path);
      });
    },
  };
}

/** Loaded when a repository is read: parsers of YAML and TOML are nothing for everybody. */
export async function sourceOf(format: RepositoryFormat): Promise<ProfileSource> {
  switch (format) {
    case "ttn":
      return (await import("../../../../../../profile-sources/ttn.ts")).ttnProfiles;
    case "chirpstack":
      return (await import("../../../../../../profile-sources/chirpstack.ts")).chirpStackProfiles;
  }
}
