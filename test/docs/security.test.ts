import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Type from "typebox";
import Value from "typebox/value";
import { beforeAll, describe, expect, test } from "vitest";
import { parseDevEui, parseGatewayId, parseJoinEui } from "../../lorawan/ids.ts";
import { createJoinGuard } from "../../network-server/uplink/join-limit.ts";
import { systemClock } from "../../platform/clock.ts";
import { createTestTerminal, runProgram } from "../support/terminal.ts";
import { startUpchirp, type UpchirpProcess } from "../support/upchirp-process.ts";
import { createVirtualClock } from "../support/virtual-clock.ts";
import { blocksOf, codesIn, plain, readText, tableUnder } from "./markdown.ts";
import { copiesOf, formsOf, keepSecrets } from "./stored-secrets.ts";

const page = readText("docs/security.md");
const configuration = readText("docs/configuration.md");
const options = new Map(
  ["Options", "Entries of lists"].flatMap(heading =>
    tableUnder(configuration, heading).map(([name, ...cells]) => [plain(name), cells] as const),
  ),
);

describe("docs/security.md", () => {
  test("every option that it names is one of the configuration's", () => {
    const named = codesIn(page.replaceAll(/```[\s\S]*?```/g, "")).filter(code =>
      /^(?:(?:http|networkServer|joinServer|appServer|postgres|state)\.\w|keyEncryptionKeys$)/.test(code),
    );
    const isKnown = (code: string): boolean => {
      const [name = ""] = code.split(" ");
      return [...options.keys()].some(option => option === name || option.startsWith(`${name}.`));
    };
    expect(named.length).toBeGreaterThan(15);
    expect(named.filter(code => !isKnown(code))).toEqual([]);
  });

  test("limits that can be set are what the configuration has unless told otherwise", () => {
    const settable = tableUnder(page, "What is limited").flatMap(([, limit = "", where]) => {
      const [option = ""] = codesIn(where);
      return option === "" ? [] : [[option, /^\d+/.exec(limit)?.[0]]];
    });
    expect(settable).toHaveLength(3);
    for (const [option = "", limit] of settable)
      expect([option, plain(options.get(option)?.[2])]).toEqual([option, limit]);
  });

  test("Join-Requests are limited as it says", async () => {
    const clock = createVirtualClock();
    const atOnce = (admit: () => boolean): number => {
      let admitted = 0;
      while (admitted < 10_000 && admit()) admitted += 1;
      return admitted;
    };
    const gateway = parseGatewayId("0016c001f1500812");
    const joinEui = parseJoinEui("70b3d57ed0000001");
    const devEui = parseDevEui("70b3d57ed0000002");
    const rows = tableUnder(page, "What is limited").filter(([, limit]) => limit?.includes(" at once, "));
    const guards = Array.from(rows, () => createJoinGuard(clock));
    guards[0]?.learn(joinEui);
    const admits = [
      () => guards[0]?.admitFrom(gateway, joinEui) ?? false,
      () => guards[1]?.admitFrom(gateway, joinEui) ?? false,
      () => guards[2]?.admitDevice(devEui) ?? false,
    ];
    const bursts = admits.map(atOnce);
    await clock.advance(1000);
    const limits = admits.map((admit, index) => `${bursts[index]} at once, ${atOnce(admit)} a second`);
    expect(rows.map(([, limit]) => limit)).toEqual(limits);
  });
});

describe("docs/security.md, of a server that was started", () => {
  let server: UpchirpProcess;
  let secrets: ReadonlyMap<string, readonly string[]>;
  beforeAll(async () => {
    const folder = mkdtempSync(join(tmpdir(), "upchirp-test-"));
    let end = async (): Promise<void> => undefined;
    server = await startUpchirp(join(folder, "data"), [], undefined, kill => {
      end = kill;
    });
    secrets = await keepSecrets(server);
    return async () => {
      server.child.kill("SIGTERM");
      await server.exited;
      await end();
      rmSync(folder, { recursive: true });
    };
  }, 180_000);

  test("its table of the data folder is what a start makes, for nobody else to read", () => {
    const modeOf = (name: string) => statSync(join(server.dataFolder, name)).mode & 0o777;
    const made = readdirSync(server.dataFolder).map(name => `${name} ${modeOf(name).toString(8)}`);
    const told = tableUnder(page, "Files of the data folder").map(([name, mode]) => `${plain(name)} ${mode}`);
    expect(made.toSorted()).toEqual(told.toSorted());
    expect(modeOf(".") & 0o076).toBe(0);
    const inside = ["state", "mqtt"].flatMap(name =>
      readdirSync(join(server.dataFolder, name)).map(file => modeOf(join(name, file)) & 0o077),
    );
    expect(new Set(inside)).toEqual(new Set([0]));
  });

  test("what it calls readable is in a copy of the store that it names, and what it does not is in none", async () => {
    const { database, state } = await copiesOf(server);
    const isIn = (copies: readonly string[], secret: string): boolean =>
      formsOf(secret).some(form => copies.some(copy => copy.includes(form)));
    const rows = tableUnder(page, "What is kept, and how");
    expect(rows.map(([what]) => what)).toEqual([...secrets.keys()]);
    const found = rows.map(([what = "", where = "", , readable]) => {
      const [named] = where.split(",");
      const copies = readable === "no" ? [database, state] : [named === "database" ? database : state];
      return [what, (secrets.get(what) ?? []).some(secret => isIn(copies, secret)) ? "**yes**" : "no"];
    });
    expect(found).toEqual(rows.map(([what, , , readable]) => [what, readable]));
  });

  test("without a login it answers what the page says, and nothing else", async () => {
    const [, list = ""] = /Without a login the server answers ([\s\S]*?)\. Nothing/.exec(page) ?? [];
    const open = [...codesIn(list), "/console/"];
    const statusOf = async (path: string) => (await fetch(server.apiUrl + path)).status;
    for (const path of open) expect([path, (await statusOf(path)) === 401]).toEqual([path, false]);
    const Document = Type.Object({ paths: Type.Record(Type.String(), Type.Record(Type.String(), Type.Unknown())) });
    const { paths } = Value.Parse(Document, await (await fetch(`${server.apiUrl}/api/openapi.json`)).json());
    const asked = Object.entries(paths).filter(([path, methods]) => "get" in methods && !path.startsWith("/api/login"));
    expect(asked.length).toBeGreaterThan(20);
    for (const [path] of asked) {
      if (!open.includes(path)) expect([path, await statusOf(path.replaceAll(/\{\w+\}/g, "1"))]).toEqual([path, 401]);
    }
    expect((await fetch(`${server.apiUrl}/ts002`, { method: "POST", body: "{}" })).status).toBe(401);
  });

  test("its commands are ones that work", async () => {
    const env = { UPCHIRP_URL: server.apiUrl, UPCHIRP_TOKEN: server.token() };
    const commands = blocksOf(page).flatMap(({ text }) => text.trim().split("\n"));
    expect(commands.length).toBeGreaterThan(2);
    for (const command of commands) {
      const [, ...words] = command.split(" ");
      const run = await runProgram(words, createTestTerminal({ env, clock: systemClock }));
      expect([command, run]).toMatchObject([command, { exitCode: 0, errors: "" }]);
    }
  });
});
