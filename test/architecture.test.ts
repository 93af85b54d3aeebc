import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));
const roleFolders = ["network-server", "join-server", "app-server"];
const sourceFolders = [
  "lorawan",
  "platform",
  ...roleFolders,
  "simulators",
  "cli",
  "client",
  "profile-sources",
  "compose",
  "migration",
  "benchmark",
];
const maxLines = 400;

const filesUnder = (folder: string): readonly string[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter(name => /\.tsx?$/.test(name) && !name.endsWith(".d.ts"))
    .map(name => join(folder, name));

const sources = [...sourceFolders.flatMap(filesUnder), "compose.ts", "upchirp.ts"];
const everything = [...sources, ...filesUnder("test")];
const textOf = new Map(everything.map(file => [file, readFileSync(join(root, file), "utf8")]));

/** `from` specifiers, static and dynamic, type imports included. */
function importsOf(file: string): readonly string[] {
  const text = textOf.get(file) ?? "";
  const pattern =
    /(?:^|\n)\s*(?:import|export)\b[^;"']*?from\s*["']([^"']+)["']|import\(\s*["']([^"']+)["']\s*\)|(?:^|\n)import\s*["']([^"']+)["']/g;
  return [...text.matchAll(pattern)].flatMap(match => match[1] ?? match[2] ?? match[3] ?? []);
}

/** Paths from the root for our own modules, package names for others. */
const resolved = (file: string): readonly string[] =>
  importsOf(file).map(specifier =>
    specifier.startsWith(".") ? relative(root, join(root, dirname(file), specifier)) : specifier,
  );

interface Rule {
  readonly zone: string;
  readonly members: (file: string) => boolean;
  /** Own modules and packages that a member may import. */
  readonly allowed: readonly RegExp[];
}

const inside = (prefix: string) => (file: string) => file.startsWith(prefix);
const role = (name: string, core: readonly string[], adapters: readonly string[]): readonly Rule[] => [
  {
    zone: `${name} core`,
    members: file =>
      core.some(part => file.startsWith(`${name}/${part}`)) &&
      !adapters.some(part => file.startsWith(`${name}/${part}`)),
    allowed: [
      /^lorawan\//,
      /^platform\/(byte-slab|clock|log|metrics|passing-map|serial)\.ts$/,
      /^platform\/(peers\/peers|leases\/leases)\.ts$/,
      /^platform\/(state|frames)\//,
      /^platform\/sql\.ts$/,
      new RegExp(`^${name}/`),
      /^typebox/,
      /^node:(crypto|buffer)$/,
    ],
  },
  ...adapters.map(folder => ({
    zone: `${name}/${folder}`,
    members: inside(`${name}/${folder}/`),
    allowed: [
      /^lorawan\//,
      /^platform\//,
      new RegExp(`^${name}/(([\\w-]+-)?ports|context|session|session-record|config)\\.ts$`),
      new RegExp(`^${name}/${folder}/`),
      /^[^./]*$/,
      /^ipaddr\.js$/,
      /^@/,
      /^node:/,
      /^(typebox|csv-stringify|mysql2|cassandra-driver)\//,
    ],
  })),
];

const rules: readonly Rule[] = [
  {
    zone: "lorawan",
    members: file => file.startsWith("lorawan/") && !file.startsWith("lorawan/backend/"),
    allowed: [/^lorawan\//, /^node:crypto$/, /^@noble\/ciphers\/aes/],
  },
  {
    zone: "lorawan/backend",
    members: inside("lorawan/backend/"),
    allowed: [/^lorawan\//, /^node:crypto$/, /^@noble\/ciphers\/aes/, /^typebox/],
  },
  {
    zone: "platform",
    members: inside("platform/"),
    allowed: [/^platform\//, /^lorawan\/(ids|errors)\.ts$/, /^node:/, /^[a-z@][^.]*$/],
  },
  ...role(
    "network-server",
    ["uplink/", "downlink/", "adr/", "session", "events.ts", "network.ts", "context.ts"],
    ["gateway", "catalog", "adr-script"],
  ),
  ...role("join-server", ["join.ts"], []),
  ...role(
    "app-server",
    ["events.ts", "uplink.ts", "downlink", "delivery/", "diagnosis/", "twin/", "alerts/"],
    ["api", "coap", "codec", "history", "identity", "integration", "storage"],
  ),
  {
    // Runs in a browser, and knows the server by its API alone.
    zone: "app-server/console",
    members: inside("app-server/console/"),
    allowed: [
      /^app-server\/console\//,
      /^client\//,
      /^profile-sources\//,
      /^[a-z@][^.]*$/,
      /^@[\w/-]+\.css$/,
      /^(maplibre-gl|uplot)\/dist\//,
      /^qr\/decode\.js$/,
    ],
  },
  {
    zone: "cli",
    members: inside("cli/"),
    allowed: [
      /^cli\//,
      /^client\//,
      /^profile-sources\//,
      /^platform\//,
      /^lorawan\//,
      /^simulators\//,
      /^node:/,
      /^[a-z@][^.]*$/,
    ],
  },
  {
    // Made for other people's programs, in a browser too: nothing of Node, nothing of the server.
    zone: "client",
    members: inside("client/"),
    allowed: [/^client\//, /^openapi-fetch$/],
  },
  {
    // Of the command line and of the console: in a browser too.
    zone: "profile-sources",
    members: inside("profile-sources/"),
    allowed: [/^profile-sources\//, /^typebox/, /^yaml$/, /^smol-toml$/],
  },
  {
    zone: "simulators",
    members: inside("simulators/"),
    allowed: [
      /^simulators\//,
      /^platform\//,
      /^lorawan\/(?!phy\/)/,
      /^lorawan\/phy\/airtime\.ts$/,
      /^node:/,
      /^[a-z@][^.]*$/,
    ],
  },
];

const isOwn = (target: string): boolean => target.endsWith(".ts") || target.endsWith(".tsx");

describe("architecture", () => {
  test.each(rules.map(rule => [rule.zone, rule] as const))("%s imports only what its zone may", (_zone, rule) => {
    const members = sources.filter(rule.members);
    expect(members.length).toBeGreaterThan(0);
    const wrong = members.flatMap(file =>
      resolved(file)
        .filter(target => !rule.allowed.some(pattern => pattern.test(target)))
        .map(target => `${file} imports ${target}`),
    );
    expect(wrong).toEqual([]);
  });

  test("a role never imports another", () => {
    const wrong = roleFolders.flatMap(own =>
      sources.filter(inside(`${own}/`)).flatMap(file =>
        resolved(file)
          .filter(target => roleFolders.some(other => other !== own && target.startsWith(`${other}/`)))
          .map(target => `${file} imports ${target}`),
      ),
    );
    expect(wrong).toEqual([]);
  });

  test("there are no import cycles", () => {
    const graph = new Map(sources.map(file => [file, resolved(file).filter(isOwn)]));
    const done = new Set<string>();
    const cycles: string[] = [];
    const visit = (file: string, path: readonly string[]): void => {
      const start = path.indexOf(file);
      if (start >= 0) {
        cycles.push([...path.slice(start), file].join(" -> "));
        return;
      }
      if (done.has(file)) return;
      for (const target of graph.get(file) ?? []) visit(target, [...path, file]);
      done.add(file);
    };
    for (const file of sources) visit(file, []);
    expect(cycles).toEqual([]);
  });

  test("no file only passes on what another defines", () => {
    const barrels = sources.filter(file =>
      /(?:^|\n)export\s+(?:type\s+)?(?:\*|\{[^}]*\})\s+from/.test(textOf.get(file) ?? ""),
    );
    expect(barrels).toEqual([]);
  });

  test(`no file is longer than ${maxLines} lines`, () => {
    const long = everything
      .map(file => ({ file, lines: (textOf.get(file) ?? "").split("\n").length - 1 }))
      .filter(entry => entry.lines > maxLines)
      .map(entry => `${entry.file}: ${entry.lines}`);
    expect(long).toEqual([]);
  });

  test("every own import names a file that is there", () => {
    const missing = sources.flatMap(file =>
      resolved(file)
        .filter(target => isOwn(target) && !existsSync(join(root, target)))
        .map(target => `${file} imports ${target}`),
    );
    expect(missing).toEqual([]);
  });
});
