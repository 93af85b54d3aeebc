import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Type from "typebox";
import { describe, expect, onTestFinished, test } from "vitest";
import { appServerConfigSchema } from "../../app-server/config.ts";
import { joinServerConfigSchema } from "../../join-server/config.ts";
import { networkServerConfigSchema } from "../../network-server/config.ts";
import { exampleConfig, printConfig } from "../../platform/config/print.ts";
import { type ConfigSources, loadConfig } from "../../platform/config.ts";
import { ConfigError } from "../../platform/errors.ts";

const broker = Type.Object({
  url: Type.String({ pattern: "^mqtts?://", description: "Where the broker is." }),
  password: Type.Optional(Type.String({ secret: true, description: "Its password." })),
});

const region = Type.Object({
  id: Type.String({ description: "Its name." }),
  subBand: Type.Integer({ minimum: 0, maximum: 8, default: 0, description: "Sub-band." }),
  token: Type.Optional(Type.String({ secret: true, description: "Token." })),
});

const schema = Type.Object({
  dataFolder: Type.String({ default: "data", description: "Where everything is kept." }),
  networkServer: Type.Object({
    netId: Type.String({ default: "000000", pattern: "^[0-9a-f]{6}$", description: "NetID." }),
    udp: Type.Object(
      {
        port: Type.Integer({ minimum: 1, maximum: 65535, default: 1700, description: "UDP port." }),
        bind: Type.String({ default: "0.0.0.0", description: "Address." }),
      },
      { default: {} },
    ),
    adr: Type.Boolean({ default: true, description: "Steers data rates." }),
    margin: Type.Number({ default: 10, description: "Margin in dB." }),
    regions: Type.Array(region, { default: [], maxItems: 3, description: "Regions." }),
    frequencies: Type.Array(Type.Integer(), { default: [], description: "Frequencies in Hz." }),
  }),
  mqtt: Type.Object({
    qos: Type.Union([Type.Literal(0), Type.Literal(1)], { default: 1, description: "Quality of service." }),
    external: Type.Optional(broker),
  }),
});

const load = (sources: Partial<ConfigSources> = {}) => loadConfig(schema, { env: {}, overrides: [], ...sources });

function faultsOf(action: () => unknown): readonly string[] {
  try {
    action();
  } catch (error) {
    if (error instanceof ConfigError)
      return error.message
        .split("\n")
        .slice(1)
        .map(line => line.trim());
    throw error;
  }
  return [];
}

const defaults = {
  dataFolder: "data",
  networkServer: {
    netId: "000000",
    udp: { port: 1700, bind: "0.0.0.0" },
    adr: true,
    margin: 10,
    regions: [],
    frequencies: [],
  },
  mqtt: { qos: 1 },
};

describe("sources", () => {
  test("are not needed: every option has its default, optional sections are absent", () => {
    expect(load()).toEqual(defaults);
  });

  test("win in the order flags, environment, file, default", () => {
    const fileText = '[networkServer.udp]\nport = 1\nbind = "1.1.1.1"\n[mqtt]\nqos = 0';
    const env = { UPCHIRP_NETWORK_SERVER_UDP_PORT: "2", UPCHIRP_NETWORK_SERVER_ADR: "no" };
    expect(load({ fileText }).networkServer.udp).toEqual({ port: 1, bind: "1.1.1.1" });
    expect(load({ fileText, env }).networkServer).toMatchObject({ udp: { port: 2, bind: "1.1.1.1" }, adr: false });
    const overrides = [["networkServer.udp.port", "3"]] as const;
    expect(load({ fileText, env, overrides }).networkServer.udp).toEqual({ port: 3, bind: "1.1.1.1" });
    expect(load({ fileText, env, overrides }).mqtt.qos).toBe(0);
  });

  test("may be a file", async () => {
    const folder = await mkdtemp(join(tmpdir(), "upchirp-config-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    const file = join(folder, "upchirp.toml");
    await writeFile(file, 'dataFolder = "/srv"');
    expect(load({ file }).dataFolder).toBe("/srv");
    const [fault] = faultsOf(() => load({ file: join(folder, "missing.toml") }));
    expect(fault).toContain("missing.toml");
  });

  test("bring optional sections and lists of tables, whose items have defaults too", () => {
    const fileText = '[mqtt.external]\nurl = "mqtt://broker"\n[[networkServer.regions]]\nid = "eu868"';
    const config = load({ fileText });
    expect(config.mqtt.external).toEqual({ url: "mqtt://broker" });
    expect(config.networkServer.regions).toEqual([{ id: "eu868", subBand: 0 }]);
    expect(load({ env: { UPCHIRP_MQTT_EXTERNAL_URL: "mqtt://b" } }).mqtt.external).toEqual({ url: "mqtt://b" });
  });

  test("give texts of the environment and of flags the type of the schema", () => {
    const env = {
      UPCHIRP_NETWORK_SERVER_NET_ID: "000013",
      UPCHIRP_NETWORK_SERVER_MARGIN: "-7.5",
      UPCHIRP_NETWORK_SERVER_FREQUENCIES: "868_100_000, 868300000",
      UPCHIRP_NETWORK_SERVER_REGIONS: '[{"id": "us915", "subBand": 2}]',
      UPCHIRP_MQTT_QOS: "0",
    };
    const config = load({ env });
    expect(config.networkServer).toMatchObject({
      netId: "000013",
      margin: -7.5,
      frequencies: [868_100_000, 868_300_000],
      regions: [{ id: "us915", subBand: 2 }],
    });
    expect(config.mqtt.qos).toBe(0);
  });

  test("of the environment that are empty, name the file or belong to others count for nothing", () => {
    const env = {
      UPCHIRP_NETWORK_SERVER_UDP_PORT: "",
      UPCHIRP_CONFIG: "/etc/upchirp.toml",
      UPCHIRP_URL: "http://x",
      UPCHIRP_TOKEN: "upc_x",
      PATH: "/bin",
    };
    expect(load({ env })).toEqual(defaults);
  });
});

describe("faults", () => {
  test("are all told at once, each with its path, its origin and what is expected", () => {
    const fileText = 'dataFolder = 7\n[networkServer.udp]\nport = "x"\n[[networkServer.regions]]\nsubBand = 99';
    const env = { UPCHIRP_NETWORK_SERVER_ADR: "perhaps", UPCHIRP_MQTT_EXTERNAL_URL: "http://broker" };
    const overrides = [["mqtt.qos", "2"]] as const;
    expect(faultsOf(() => load({ fileText, env, overrides }))).toEqual([
      "dataFolder: expected a text, not 7",
      'networkServer.udp.port: expected an integer from 1 to 65535, not "x"',
      'networkServer.adr (UPCHIRP_NETWORK_SERVER_ADR): expected true or false, not "perhaps"',
      "networkServer.regions[0].id: is required; expected a text",
      "networkServer.regions[0].subBand: expected an integer from 0 to 8, not 99",
      'mqtt.qos (command line): expected one of 0, 1, not "2"',
      'mqtt.external.url (UPCHIRP_MQTT_EXTERNAL_URL): expected a text that matches ^mqtts?://, not "http://broker"',
    ]);
  });

  test("include unknown names everywhere, with the one that was probably meant", () => {
    const fileText =
      "data_folder = 'x'\n[networkServer.upd]\nport = 1\n[[networkServer.regions]]\nid = 'a'\nsubband = 1";
    const env = { UPCHIRP_NETWORK_SERVER_UPD_PORT: "1" };
    const overrides = [["networkServer.udp.prot", "1"]] as const;
    expect(faultsOf(() => load({ fileText, env, overrides }))).toEqual([
      "UPCHIRP_NETWORK_SERVER_UPD_PORT: no such option; did you mean UPCHIRP_NETWORK_SERVER_UDP_PORT?",
      "networkServer.udp.prot: no such option; did you mean networkServer.udp.port?",
      "data_folder: no such option; did you mean dataFolder?",
      "networkServer.upd: no such option; did you mean udp?",
      "networkServer.regions[0].subband: no such option; did you mean subBand?",
    ]);
  });

  test("of TOML itself come with line and column", () => {
    const [fault] = faultsOf(() => load({ file: "upchirp.toml", fileText: "a = 1\nb = = 2" }));
    expect(fault).toMatch(/^upchirp\.toml line 2, column \d+: /);
  });

  test("never show a secret", () => {
    const fileText = "[mqtt.external]\nurl = 'mqtt://b'\npassword = 123456";
    const faults = faultsOf(() => load({ fileText }));
    expect(faults).toEqual(["mqtt.external.password: expected a text"]);
  });

  test("include a section given as a value, a list that is too long and names that are JavaScript's own", () => {
    expect(faultsOf(() => load({ fileText: "mqtt = 1" }))).toEqual(["mqtt: expected a section, not 1"]);
    const regions = JSON.stringify(["a", "b", "c", "d"].map(id => ({ id })));
    expect(faultsOf(() => load({ overrides: [["networkServer.regions", regions]] }))).toHaveLength(1);
    expect(faultsOf(() => load({ fileText: "[__proto__]\nx = 1\n[constructor]\ny = 1" }))).toHaveLength(2);
  });
});

describe("printing", () => {
  const uncommented = (text: string): string =>
    text
      .split("\n")
      .map(line => (/^# (\w+ = |\[)/.test(line) ? line.slice(2) : line))
      .join("\n");

  test("an example documents every option and, as it stands, changes none", () => {
    const example = exampleConfig(schema);
    expect(load({ fileText: example })).toEqual(defaults);
    for (const words of ["Where everything is kept.", "# port = 1700", "[networkServer.udp]", "# [mqtt.external]"]) {
      expect(example).toContain(words);
    }
    expect(example).toContain("An integer from 1 to 65535.");
  });

  test("an example's options say what the defaults are", () => {
    const simple = Type.Object({
      mqtt: Type.Object({ qos: schema.properties.mqtt.properties.qos }),
      adr: schema.properties.networkServer.properties.adr,
    });
    const config = loadConfig(simple, { fileText: uncommented(exampleConfig(simple)), env: {}, overrides: [] });
    expect(config).toEqual({ mqtt: { qos: 1 }, adr: true });
  });

  test("the configurations of all three roles have an example that is valid", () => {
    const all = Type.Object({
      networkServer: networkServerConfigSchema,
      joinServer: joinServerConfigSchema,
      appServer: appServerConfigSchema,
    });
    const fileText = exampleConfig(all);
    const config = loadConfig(all, { fileText, env: {}, overrides: [] });
    expect(config).toEqual(loadConfig(all, { env: {}, overrides: [] }));
  });

  test("the effective configuration is TOML that loads again, without its secrets", () => {
    const fileText = `[mqtt.external]
url = "mqtt://user:hunter2@broker"
password = "hunter2"
[[networkServer.regions]]
id = "eu868"
token = "hunter2"`;
    const printed = printConfig(schema, load({ fileText }));
    expect(printed).not.toContain("hunter2");
    const again = load({ fileText: printed });
    expect(again.mqtt.external).toEqual({ url: "mqtt://user:(hidden)@broker", password: "(hidden)" });
    expect(again.networkServer).toMatchObject({ udp: { port: 1700 }, regions: [{ id: "eu868", token: "(hidden)" }] });
  });
});
