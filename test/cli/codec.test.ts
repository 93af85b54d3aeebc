import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { withOfflineCodecs } from "../../compose/codec-bench.ts";
import { startTestApi, type TestApi } from "../support/api.ts";
import { addTenantWithDevice, type TenantWithDevice } from "../support/catalog.ts";
import { createTestActions, createTestTerminal, runProgram } from "../support/terminal.ts";

const folder = mkdtempSync(join(tmpdir(), "codec-command-"));
const file = (name: string, content: string): string => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};
afterAll(() => rmSync(folder, { recursive: true }));

const run = (...args: readonly string[]) =>
  runProgram(args, createTestTerminal(), createTestActions({ withCodecs: withOfflineCodecs }));

const script = `function decodeUplink({ bytes, fPort, tags, variables }) {
  console.log("looking at", bytes);
  if (bytes[0] > 9) throw new Error("too much");
  return { data: { n: bytes[0], fPort, ...tags, ...variables }, warnings: ["old"] };
}
function encodeDownlink({ data }) { return { bytes: [data.n], fPort: 5 }; }
`;
const js = file("meter.js", script);

describe("codec test without a server", () => {
  test("shows what a script makes of a payload", async () => {
    const { output, exitCode } = await run(
      "codec",
      "test",
      js,
      "--bytes",
      "07",
      "--f-port",
      "2",
      "--tag",
      "site=roof",
      "--variable",
      "k=v",
    );
    expect(exitCode).toBe(0);
    expect(output).toMatch(/^decoded in [\d.]+ ms, with \d+ KiB of memory\n/);
    expect(output).toContain('{\n  "n": 7,\n  "fPort": 2,\n  "site": "roof",\n  "k": "v"\n}');
    expect(output).toContain("Warnings:\n  old\n");
    expect(output).toContain("Console:\n  looking at [7]\n");
  });

  test("shows where it fails, as editors find it, and exits with 1", async () => {
    const { output, errors, exitCode } = await run("codec", "test", js, "--bytes", "0a", "--f-port", "2");
    expect(exitCode).toBe(1);
    expect(output).toMatch(new RegExp(`Errors:\\n {2}${js}:3:\\d+: Error: too much \\(line 3\\)`));
    expect(errors).toBe("error: the codec failed\n");
  });

  test("takes TypeScript, downlinks and events", async () => {
    const ts = file(
      "meter.ts",
      "export const decodeUplink = (input: { bytes: number[] }) => ({ data: { n: input.bytes.length } });",
    );
    expect((await run("codec", "test", ts, "--bytes", "AQI=", "--f-port", "1")).output).toContain('"n": 2');
    expect((await run("codec", "test", js, "--object", '{"n":3}', "--f-port", "1")).output).toContain(
      "\n03 on port 5\n",
    );
    const event = file(
      "event.json",
      JSON.stringify({ data: "Bw==", fPort: 4, deviceInfo: { tags: { site: "yard" } } }),
    );
    expect((await run("codec", "test", js, "--event", event)).output).toContain('"fPort": 4,\n  "site": "yard"');
    expect(JSON.parse((await run("codec", "test", js, "--event", event, "--json")).output)).toMatchObject({
      result: "decoded",
    });
  });

  test.each([
    [["--bytes", "00"], "--f-port is missing"],
    [["--f-port", "1"], "--bytes is missing"],
    [["--f-port", "1", "--bytes", "no bytes!"], "neither hex nor base64"],
    [["--f-port", "1", "--direction", "downlink"], "--object is missing"],
  ])("refuses %j as wrong usage", async (args, message) => {
    const { errors, exitCode } = await run("codec", "test", js, ...args);
    expect(errors).toContain(message);
    expect(exitCode).toBe(2);
  });

  test("refuses what the server would refuse", async () => {
    const { errors, exitCode } = await run(
      "codec",
      "test",
      js,
      "--f-port",
      "1",
      "--bytes",
      "00",
      "--recv-time",
      "yesterday",
    );
    expect(errors).toContain("/recvTime");
    expect(exitCode).toBe(1);
  });
});

const cases = [
  { name: "seven", direction: "uplink", fPort: 1, bytes: "07", expected: { object: { n: 7, fPort: 1 } } },
  { name: "ten", direction: "uplink", fPort: 1, bytes: "0a", expected: { object: { n: 10 } } },
];

describe("codec cases", () => {
  test("shows which do not come out as they have to, and exits with 1", async () => {
    const path = file("meter.cases.json", JSON.stringify(cases));
    const { output, exitCode } = await run("codec", "cases", js, "--cases", path);
    expect(output).toBe('ten: /error is "Error: too much (line 3)" instead of "no error"\n1 of 2 cases passed\n');
    expect(exitCode).toBe(1);
    const good = file("good.cases.json", JSON.stringify(cases.slice(0, 1)));
    expect(await run("codec", "cases", js, "--cases", good)).toMatchObject({
      exitCode: 0,
      output: "1 of 1 cases passed\n",
    });
    const unusable = file("bad.cases.json", '[{"name":"x"}]');
    expect((await run("codec", "cases", js, "--cases", unusable)).exitCode).toBe(1);
  });
});

test("codec types are what a codec in TypeScript can be checked against", async () => {
  const { output } = await run("codec", "types");
  file("codec.d.ts", output);
  const good = file(
    "checked.ts",
    `import type { DecodeUplink, Measurement, NormalizeUplink } from "./codec.d.ts";
     export const decodeUplink: DecodeUplink = ({ bytes, recvTime, tags }) => ({ data: { n: bytes[0], at: recvTime.getTime(), site: tags.site } });
     const measurement: Measurement = { air: { temperature: 21 }, action: { contactState: "open" } };
     export const normalizeUplink: NormalizeUplink = () => ({ data: [measurement] });
     // @ts-expect-error bytes are numbers
     export const wrong: DecodeUplink = ({ bytes }) => ({ data: { n: bytes[0].length } });`,
  );
  const compiler = fileURLToPath(new URL("../../node_modules/.bin/tsc", import.meta.url));
  const options = [
    "--ignoreConfig",
    "--noEmit",
    "--strict",
    "--allowImportingTsExtensions",
    "--module",
    "nodenext",
    "--target",
    "es2023",
    good,
  ];
  expect(() => execFileSync(compiler, options, { stdio: "pipe" })).not.toThrow();
});

describe("against a server", () => {
  let api: TestApi;
  let ours: TenantWithDevice;
  let args: readonly string[];
  beforeAll(async () => {
    api = await startTestApi();
    ours = await addTenantWithDevice(api.repositories, "ours", "0000000000000001");
    await api.app.listen({ host: "127.0.0.1", port: 0 });
    const address = api.app.server.address();
    const port = typeof address === "object" ? address?.port : 0;
    const key = await api.keyFor("device-manager", ours.tenant.id);
    args = ["--url", `http://127.0.0.1:${port}`, "--token", key.authorization?.replace("Bearer ", "") ?? ""];
  });
  afterAll(() => api.end());

  test("a profile's codec is stored with its cases, and refused when it fails one unless by force", async () => {
    const path = file("server.cases.json", JSON.stringify(cases.slice(0, 1)));
    const update = (...more: readonly string[]) => run("profile", "update", ours.profile.name, ...more, ...args);
    const stored = await update("--codec-file", js, "--codec-cases", path);
    expect(stored, stored.errors).toMatchObject({ exitCode: 0 });
    const worse = file("worse.js", script.replace("n: bytes[0]", "n: bytes[0] + 1"));
    const refused = await update("--codec-file", worse);
    expect(refused.exitCode).toBe(1);
    expect(refused.errors).toContain("1 of 1 case of the codec fails");
    expect(refused.errors).toContain("/object/n is 8 instead of 7");
    expect((await update("--codec-file", worse, "--force")).exitCode).toBe(0);
    expect((await update("--codec-file", js)).exitCode).toBe(0);
  });

  test("a profile's codec is tried there, and a file in its place", async () => {
    const profile = ["--profile", ours.profile.name, ...args];
    const own = await run("codec", "test", "--bytes", "07", "--f-port", "1", ...profile);
    expect(own.output, own.errors).toContain('"n": 7');
    const other = file("other.ts", "export const decodeUplink = (): object => ({ data: { other: true } });");
    expect((await run("codec", "test", other, "--bytes", "07", "--f-port", "1", ...profile)).output).toContain(
      '"other": true',
    );
    expect((await run("codec", "cases", ...profile)).output).toBe("1 of 1 cases passed\n");
    expect((await run("codec", "cases", other, ...profile)).exitCode).toBe(1);
  });
});
