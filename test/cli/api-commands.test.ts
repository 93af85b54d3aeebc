import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseDevEui, parseGatewayId } from "../../lorawan/ids.ts";
import { startTestApi, type TestApi } from "../support/api.ts";
import { createTestTerminal, type Run, runProgram } from "../support/terminal.ts";

let api: TestApi;
let url: string;
let folder: string;

beforeAll(async () => {
  api = await startTestApi();
  url = await api.app.listen({ host: "127.0.0.1", port: 0 });
  folder = await mkdtemp(join(tmpdir(), "upchirp-cli-"));
  await api.repositories.tenants.create({ name: "Default", description: "", tags: {} });
  const { token } = await api.repositories.apiKeys.create({
    tenantId: null,
    name: "command line",
    role: "administrator",
    expiresAt: null,
  });
  await writeFile(join(folder, "command-line-token"), `${token}\n`, { mode: 0o600 });
});
afterAll(async () => {
  await api.end();
  await rm(folder, { recursive: true });
});

/** As a user types it, with the server and its data folder given. */
const upchirp = (line: string, input = ""): Promise<Run> =>
  runProgram(
    [...line.split(/\s+/), "--data", folder],
    createTestTerminal({ env: { UPCHIRP_URL: url }, input, clock: api.clock }),
  );

async function done(line: string, input?: string): Promise<string> {
  const { exitCode, output, errors } = await upchirp(line, input);
  expect({ exitCode, errors }, line).toEqual({ exitCode: 0, errors: "" });
  return output;
}

const json = async (line: string): Promise<Readonly<Record<string, unknown>>> =>
  JSON.parse(await done(`${line} --json`));

describe("the first device", () => {
  const devEui = "70b3d57ed0001234";

  test("is set up with the commands of the README", async () => {
    expect(await done("gateway create --id 0016c001f1500812 --name roof")).toBe(
      "Created gateway roof 0016c001f1500812.\n",
    );
    await done("profile create --name thermometer --region EU868 --codec cayenne-lpp");
    await done("application create --name greenhouse");
    await done(
      `device create --application greenhouse --profile thermometer --name north-wall
       --dev-eui ${devEui} --join-eui 0000000000000000 --app-key 000102030405060708090a0b0c0d0e0f`,
    );
    expect(api.rootKeys.stored.get(parseDevEui(devEui))).toEqual({ nwkKey: "000102030405060708090a0b0c0d0e0f" });
    expect(await done(`queue ${devEui} --port 10 --hex 0102`)).toMatch(/^Queued item-0 for 70b3d57ed0001234/);
    expect(await api.queue.list(parseDevEui(devEui))).toMatchObject([{ fPort: 10, confirmed: false, data: "AQI=" }]);
  });

  test("is listed with the names of its application and profile", async () => {
    const lines = (await done("device list --sort=name")).split("\n");
    expect(lines[0]).toMatch(/^DevEUI +Name +Application +Profile +LoRaWAN +Disabled$/);
    expect(lines[1]).toMatch(/^70b3d57ed0001234 +north-wall +greenhouse +thermometer +1\.0\.4 +no$/);
    expect(await json("device list --application greenhouse --search north")).toHaveLength(1);
    expect(await done("device list --search south")).toBe("There are no devices.\n");
  });

  test("is shown with its session and queue, and without keys", async () => {
    await done(
      `device activate north-wall --dev-addr 26011f2a --nwk-s-key ${"ab".repeat(16)} --app-s-key ${"cd".repeat(16)}`,
    );
    const output = await done("device show north-wall");
    expect(output).toMatch(/^devEui +70b3d57ed0001234$/m);
    expect(output).toMatch(/^Root keys: set$/m);
    expect(output).toMatch(/^Session:\ndevAddr +26011f2a$/m);
    expect(output).toMatch(/^Queue:\nid +fPort.*\nitem-0 +10 /m);
    expect(output).not.toMatch(/abababab|cdcdcdcd|00010203/);
    await done("device deactivate north-wall");
    expect(await done(`device show ${devEui}`)).toMatch(/^Session: none$/m);
  });

  test("is changed by name", async () => {
    await done("device update north-wall --name south-wall --disabled --tag bed=3 --tag row=1");
    expect(await json("device list --tag bed=3 --sort=-name")).toMatchObject([{ isDisabled: true }]);
    await done("device update south-wall --disabled no");
    expect(await json("device show south-wall")).toMatchObject({ isDisabled: false });
    await done("device set-keys south-wall --app-key 0f0e0d0c0b0a09080706050403020100");
    await done("device forget-nonces south-wall");
    expect(api.rootKeys.forgotten).toEqual([`${devEui} 0000000000000000`]);
  });

  test("is programmed with what the server makes up, which is shown once", async () => {
    const shown = await done(`device activate south-wall --generate --app-s-key ${"ef".repeat(16)}`);
    expect(shown).toMatch(/devAddr +01abcdef\n/);
    expect(shown).not.toContain("appSKey");
    expect(shown).toContain("Keep it now");
    expect(api.control.activations.get(parseDevEui(devEui))).toMatchObject({
      devAddr: "01abcdef",
      appSKey: "ef".repeat(16),
      nwkSEncKey: /nwkSKey +([0-9a-f]{32})\n/.exec(shown)?.[1],
    });
    const keys = await done("device set-keys south-wall --generate");
    expect(api.rootKeys.stored.get(parseDevEui(devEui))?.nwkKey).toBe(/appKey +([0-9a-f]{32})\n/.exec(keys)?.[1]);
  });

  test("C64 is told to rejoin, and deleted", async () => {
    expect(await done("device force-rejoin south-wall")).toBe("Will tell to rejoin: device 70b3d57ed0001234.\n");
    expect(api.control.rejoins.get(parseDevEui(devEui))).toEqual({ rejoinType: 0 });
    await done("device force-rejoin south-wall --type 2 --period 1 --retries 7 --data-rate 3");
    expect(api.control.rejoins.get(parseDevEui(devEui))).toEqual({
      rejoinType: 2,
      period: 1,
      maxRetries: 7,
      dataRate: 3,
    });
    expect((await upchirp("device force-rejoin south-wall --type 3")).exitCode).toBe(2);
    expect(await done("device delete south-wall")).toBe("Deleted device south-wall 70b3d57ed0001234.\n");
    expect((await upchirp(`device show ${devEui}`)).errors).toBe("error: There is no such device.\n");
  });
});

describe("a queue", () => {
  test("is listed, trimmed and emptied, and takes the three forms of a payload", async () => {
    await done("profile create --name meter --region US915 --mac-version 1.0.3");
    await done("application create --name water");
    await done(
      "device create --application water --profile meter --name m1 --dev-eui 70b3d57ed0005678 --app-key 000102030405060708090a0b0c0d0e0f",
    );
    expect(await done("queue m1 --list")).toBe("Nothing waits.\n");
    await done("queue m1 --port 5 --base64 AQI= --confirmed --expires-in 1h --id first");
    await done("queue m1 --port 6 --hex 01:02:ff --id second");
    const [first] = await api.queue.list(parseDevEui("70b3d57ed0005678"));
    expect(first).toMatchObject({ confirmed: true, expiresAtMs: api.clock.nowMs() + 3_600_000 });
    expect(await done("queue m1 --list")).toMatch(/^first +5 +0102 +yes .*waiting\nsecond +6 +0102ff +no .*waiting$/m);
    expect(await done("queue m1 --delete first")).toBe("Deleted first.\n");
    expect(await done("queue m1 --flush")).toBe("Deleted 1 from the queue of 70b3d57ed0005678.\n");
    const refused = await upchirp(`queue m1 --port 6 --object {"relay":true}`);
    expect(refused).toMatchObject({ exitCode: 1, errors: "error: The device has no codec.\n" });
  });

  test.each([
    ["queue m1 --port 5", "exactly one of --hex, --base64 and --object"],
    ["queue m1 --port 5 --hex 01 --base64 AQ==", "exactly one of"],
    ["queue m1 --hex 01", "--port is missing"],
    ["queue m1 --port 0 --hex 01", "An integer from 1 to 224"],
    ["queue m1 --port 5 --hex 012", "two digits a byte"],
    ["queue m1 --port 5 --object [1]", "A JSON object is expected"],
    ["queue m1 --list --flush", "one of --list, --flush and --delete"],
  ])("%s is wrong usage", async (line, sentence) => {
    const { exitCode, errors } = await upchirp(line);
    expect(exitCode).toBe(2);
    expect(errors).toContain(sentence);
  });
});

describe("gateways", () => {
  test("that are heard and unknown are listed", async () => {
    expect(await done("gateway unknown")).toMatch(/^No unknown gateway/);
    const gatewayId = parseGatewayId("0016c001f1509999");
    const counts = { uplinks: 1, downlinks: 0, downlinkFailures: 0, refused: 1 };
    const times = { firstSeenAtMs: 0, lastSeenAtMs: 1000 };
    api.control.heard.set(gatewayId, {
      gatewayId,
      registered: false,
      online: true,
      remoteAddress: "10.0.0.9:5",
      counts,
      ...times,
    });
    expect(await done("gateway unknown")).toMatch(/^0016c001f1509999 +10\.0\.0\.9:5 +1970-01-01T00:00:00\.000Z/m);
    api.control.heard.set(gatewayId, {
      gatewayId,
      registered: true,
      online: true,
      remoteAddress: "10.0.0.9:5",
      counts,
      ...times,
    });
    await done(
      "gateway create --id 00-16-C0-01-F1-50-99-99 --name yard --source pin --location 54.35,18.65,40 --antenna-gain 2.5",
    );
    expect(await done("gateway list")).toMatch(/^0016c001f1509999 +yard +online +1970/m);
    expect(await json("gateway show yard")).toMatchObject({
      sourceRule: { kind: "pin" },
      location: { latitude: 54.35, longitude: 18.65, altitude: 40 },
      antennaGainDb: 2.5,
      status: { state: "online" },
    });
    await done("gateway release-address yard");
    expect(api.control.released).toEqual([gatewayId]);
    await done("gateway update yard --region-config town");
    expect(await json("gateway show yard")).toMatchObject({ regionConfigId: "town" });
    await done("gateway update yard --source 10.0.0.0/8,192.168.0.0/16 --location none --region-config none");
    expect(await json("gateway show yard")).toMatchObject({
      sourceRule: { kind: "networks", cidrs: ["10.0.0.0/8", "192.168.0.0/16"] },
      location: null,
      regionConfigId: null,
    });
  });

  test("with a wrong field are refused with the field's name", async () => {
    const { exitCode, errors } = await upchirp("gateway create --id 0016c001f1508888 --name x --location 99,0");
    expect(exitCode).toBe(1);
    expect(errors).toMatch(/^error: .*location/);
    expect(errors.split("\n")).toHaveLength(2);
  });
});

describe("what is secret", () => {
  test("an MQTT user's password is printed once when it was made up", async () => {
    const output = await done("application mqtt-user water --username dashboard");
    expect(output).toMatch(/^username +dashboard\npassword +[\w-]{32}\nKeep the password now/);
    const given = await done("application mqtt-user water --username node-red --password-stdin", "a-long-password\n");
    expect(given).toMatch(/^username {2}node-red\npassword {2}as given\nEvents are on application\/[\w-]{36}\/device/);
    expect(await done("application mqtt-users water")).toMatch(/^dashboard .*\nnode-red /m);
    await done("application mqtt-user water --username node-red --delete");
    expect(await done("application mqtt-users water")).not.toContain("node-red");
  });

  test("an API key is printed once, and works", async () => {
    const { token } = await json("api-key create --name viewer --role viewer --expires-in 90d");
    const terminal = createTestTerminal({ env: { UPCHIRP_URL: url, UPCHIRP_TOKEN: String(token) } });
    expect((await runProgram(["application", "list"], terminal)).output).toContain("water");
    const refused = await runProgram(["application", "create", "--name", "x"], terminal);
    expect(refused).toMatchObject({ exitCode: 1, errors: "error: Your role does not allow this.\n" });
    expect(await done("api-key list")).not.toContain(String(token));
    expect(await done("api-key show viewer")).toMatch(/^role +viewer$/m);
    await done("api-key delete viewer");
    expect((await done("api-key create --name root --role administrator")).split("\n")).toEqual([
      expect.stringMatching(/^Created API key root /),
      expect.stringMatching(/^token {2}upc_/),
      "Keep it now: it is not shown again.",
      "",
    ]);
  });

  test("a user's password is made up and printed, or taken from standard input and not printed", async () => {
    const { password } = await json("user create --email ada@example.com --admin");
    expect(await api.repositories.users.verify("ada@example.com", String(password))).toMatchObject({
      isAdministrator: true,
    });
    const output = await done("user create --email bo@example.com --password-stdin", "correct horse battery\n");
    expect(output).not.toContain("correct horse");
    expect(await api.repositories.users.verify("bo@example.com", "correct horse battery")).toBeDefined();
    await done("user update bo@example.com --password-stdin", "another password\n");
    expect(await api.repositories.users.verify("bo@example.com", "another password")).toBeDefined();
    await done("tenant add-user Default bo@example.com --role viewer");
    expect(await done("tenant users Default")).toMatch(/^bo@example\.com +viewer +everything$/m);
    await done("tenant remove-user Default bo@example.com");
    expect(await done("tenant users Default")).not.toContain("bo@");
  });
});

describe("names", () => {
  test("of nothing are told with those that there are", async () => {
    const { exitCode, errors } = await upchirp("application show sea");
    expect({ exitCode, errors }).toEqual({
      exitCode: 1,
      errors: 'error: there is no application "sea"; there are: greenhouse, water\n',
    });
  });

  test("of several need the tenant or the id, and the tenant Default is taken before others", async () => {
    await done("tenant create --name Other");
    const other = await json("application create --name water --tenant Other");
    expect((await upchirp("application show water")).errors).toContain('several have the name "water"');
    expect(await json("application show water --tenant Other")).toMatchObject({ id: other.id });
    expect(await json(`application show ${other.id}`)).toMatchObject({ tenantId: other.tenantId });
    const mine = await json("application create --name air");
    expect(mine.tenantId).not.toBe(other.tenantId);
    await done(`application delete ${other.id}`);
  });

  test("a codec file makes the profile one of JavaScript", async () => {
    const file = join(folder, "codec.js");
    await writeFile(file, "function decodeUplink() { return { data: {} }; }");
    expect(await json(`profile create --name scripted --region EU868 --codec-file ${file}`)).toMatchObject({
      codec: "javascript",
      codecScript: "function decodeUplink() { return { data: {} }; }",
    });
    const { errors } = await upchirp(`profile update scripted --codec-file ${file}.missing`);
    expect(errors).toBe(`error: ${file}.missing cannot be read (ENOENT)\n`);
    expect((await upchirp("profile update scripted")).exitCode).toBe(2);
  });

  test("an ADR file makes the profile one with an algorithm of its own, until another is chosen", async () => {
    const file = join(folder, "adr.js");
    const adrScript = "function handle(req) { return req; }";
    await writeFile(file, adrScript);
    expect(await json(`profile create --name steered --region EU868 --adr-file ${file}`)).toMatchObject({
      adrAlgorithm: "script",
      adrScript,
    });
    expect(await json("profile update steered --adr default")).toMatchObject({ adrAlgorithm: "default", adrScript });
    expect(await json("profile update steered --adr script")).toMatchObject({ adrAlgorithm: "script" });
    const { errors } = await upchirp("profile create --name unsteered --region EU868 --adr script");
    expect(errors).toContain("needs an adrScript");
  });

  test("how devices are in class B is said, and left to them again", async () => {
    await done(`profile create --name pings --region EU868 --class-b --class-b-timeout 5
      --class-b-ping-slot-periodicity 4 --class-b-ping-slot-data-rate 3 --class-b-ping-slot-frequency 868300000`);
    expect(await json("profile show pings")).toMatchObject({
      supportsClassB: true,
      classBTimeoutSeconds: 5,
      classBPingSlotPeriodicity: 4,
      classBPingSlotDataRate: 3,
      classBPingSlotFrequencyHz: 868_300_000,
    });
    await done("profile update pings --class-b-ping-slot-periodicity none");
    expect(await json("profile show pings")).toMatchObject({ classBPingSlotPeriodicity: null });
  });

  test("radio parameters and ADR limits are set, and limits taken away", async () => {
    await done(`profile create --name tuned --region EU868 --adr-min-data-rate 1 --adr-max-data-rate 4
      --mac {"rx1DelaySeconds":5}`);
    expect(await json("profile show tuned")).toMatchObject({
      adrMinDataRate: 1,
      adrMaxDataRate: 4,
      mac: { rx1DelaySeconds: 5 },
    });
    await done("profile update tuned --adr-max-data-rate none --mac {}");
    const tuned: unknown = await json("profile show tuned");
    expect(tuned).toMatchObject({ adrMinDataRate: 1, adrMaxDataRate: null });
    expect(tuned).toHaveProperty("mac", {});
    const { exitCode, errors } = await upchirp(`profile update tuned --mac {"rx1DelaySeconds":16}`);
    expect(exitCode).toBe(1);
    expect(errors).toMatch(/^error: .*rx1DelaySeconds/);
    expect((await upchirp("profile update tuned --adr-min-data-rate 16")).exitCode).toBe(2);
  });

  test("a list says when there is more", async () => {
    const { output, errors } = await upchirp("profile list --limit 1");
    expect(output.split("\n")).toHaveLength(3);
    expect(errors).toBe("There are more than these 1; --limit shows more.\n");
  });
});

describe("a server that cannot be spoken to", () => {
  test("because nothing listens", async () => {
    const line = ["tenant", "list", "--url", "http://127.0.0.1:1", "--token", "upc_x"];
    const { exitCode, errors } = await runProgram(line);
    expect(exitCode).toBe(1);
    expect(errors).toBe(
      "error: no server answers at http://127.0.0.1:1; start one with `npx upchirp start`, or name it with --url\n",
    );
  });

  test("because there is no key, or one that is not accepted and not repeated", async () => {
    const none = await runProgram(["tenant", "list", "--url", url, "--data", join(folder, "nothing")]);
    expect(none.exitCode).toBe(1);
    expect(none.errors).toContain(`no API key: there is no ${join(folder, "nothing", "command-line-token")}`);
    const wrong = await runProgram(["tenant", "list", "--url", url, "--token", "upc_wrong"]);
    expect(wrong.errors).toBe(`error: the server at ${url} does not accept the API key given\n`);
    const odd = await runProgram(["tenant", "list", "--url", url, "--token", "upc_\nwrong"]);
    expect(odd.errors).toBe("error: the API key given is none\n");
  });

  test("because the URL is none", async () => {
    expect(await runProgram(["tenant", "list", "--url", "localhost:8080"])).toMatchObject({ exitCode: 2 });
  });
});

test("region configurations are made, shown with who names them, changed and deleted", async () => {
  expect(await done('region create --id harbour --region EU868 --settings {"rx1DelaySeconds":5}')).toBe(
    "Created region configuration harbour.\n",
  );
  expect(await done("region list")).toMatch(/^harbour +EU868 +no +catalog *$/m);
  await done("gateway create --id 0016c001f1500899 --name quay --region-config harbour");
  expect(await json("region show harbour")).toMatchObject({
    settings: { rx1DelaySeconds: 5 },
    gateways: [{ name: "quay" }],
  });
  const file = join(folder, "harbour.json");
  await writeFile(file, '{"rx1DelaySeconds": 3}');
  await done(`region update harbour --settings-file ${file} --default`);
  expect(await json("region show harbour")).toMatchObject({ isDefault: true, settings: { rx1DelaySeconds: 3 } });
  expect((await upchirp("region delete harbour")).errors).toContain("default of EU868");
  await done("region update harbour --default no");
  await done("gateway delete quay");
  expect(await done("region delete harbour")).toBe("Deleted region configuration harbour.\n");
});

test("limits of a tenant are set and shown with what there is", async () => {
  await done("tenant create --name limited");
  const shown = await done("tenant limits limited --max-devices 1000 --max-gateways 0 --requests-per-minute 60");
  expect(shown).toMatch(/^devices +0 +1000$/m);
  expect(shown).toMatch(/^gateways +0 +0$/m);
  expect(shown).toMatch(/^integrations +0 +no limit$/m);
  const line = "gateway create --id 0016c001f1500877 --name roof --tenant limited";
  expect((await upchirp(line)).errors).toBe("error: This tenant may not have gateways.\n");
  await done("tenant limits limited --max-gateways none");
  expect(await json("tenant limits limited")).toMatchObject({ limits: { maxDevices: 1000, maxGateways: null } });
  await done(line);
});
