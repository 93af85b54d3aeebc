import { describe, expect, test } from "vitest";
import { MalformedValue } from "../../lorawan/errors.ts";
import { createTestActions, createTestTerminal, runProgram } from "../support/terminal.ts";

describe("commands that run the server", () => {
  test.each(["start", "demo", "migrate", "migrate-state", "rotate-keys"])(
    "%s passes its options on as paths of the configuration",
    async name => {
      const actions = createTestActions();
      const args = [
        ...[
          name,
          "--config",
          "a.toml",
          "--data",
          "/var/x",
          "--udp-port",
          "1701",
          "--http-port",
          "81",
          "--mqtt-port",
          "0",
        ],
        ...["--postgres-url", "postgres://db/x", "--log-level", "debug", "--set", "a.b=c=d", "--set", "http.port=82"],
        ...["--role", "join-server", "--role", "app-server"],
      ];
      const { exitCode } = await runProgram(args, createTestTerminal(), actions);
      expect(exitCode).toBe(0);
      const options = {
        configFile: "a.toml",
        overrides: [
          ["dataFolder", "/var/x"],
          ["networkServer.udp.port", "1701"],
          ["http.port", "81"],
          ["appServer.mqtt.broker.port", "0"],
          ["postgres.url", "postgres://db/x"],
          ["log.level", "debug"],
          ["a.b", "c=d"],
          ["http.port", "82"],
        ],
        roles: ["join-server", "app-server"],
      };
      const called = name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
      expect(actions.calls).toEqual([[called, options]]);
    },
  );

  test("start without options leaves everything to file and environment", async () => {
    const actions = createTestActions();
    await runProgram(["start"], createTestTerminal(), actions);
    expect(actions.calls).toEqual([["start", { overrides: [], roles: [] }]]);
  });

  test("config prints what takes effect, or the example", async () => {
    expect((await runProgram(["config", "--http-port", "1"])).output).toBe('[["http.port","1"]]\n');
    expect((await runProgram(["config", "--example"])).output).toBe("# example\n");
  });

  test("an error that has a name is told as a sentence, and exits with 1", async () => {
    const start = () => Promise.reject(new MalformedValue("port 1700 is in use"));
    const run = await runProgram(["start"], createTestTerminal(), createTestActions({ start }));
    expect(run).toEqual({ exitCode: 1, output: "", errors: "error: port 1700 is in use\n" });
  });

  test("a refusal of the operating system is one line", async () => {
    const message = "ENOSPC: no space left on device, write";
    const start = () => Promise.reject(Object.assign(new Error(message), { code: "ENOSPC", syscall: "write" }));
    const run = await runProgram(["start"], createTestTerminal(), createTestActions({ start }));
    expect(run).toEqual({ exitCode: 1, output: "", errors: `error: ${message}\n` });
  });

  test("an error that nobody foresaw shows where it was", async () => {
    const start = () => Promise.reject(new TypeError("x is undefined"));
    const { exitCode, errors } = await runProgram(["start"], createTestTerminal(), createTestActions({ start }));
    expect(exitCode).toBe(1);
    expect(errors).toMatch(/^error: TypeError: x is undefined\n +at /);
  });
});

describe("usage", () => {
  test.each([
    [["start", "--udp-port", "70000"], "An integer from 0 to 65535 is expected"],
    [["start", "--set", "novalue"], "path=value is expected"],
    [["start", "--role", "king"], "Roles are network-server, join-server, app-server"],
    [["strat"], "Did you mean start?"],
    [["start", "--htp-port", "1"], "Did you mean --http-port?"],
    [["gateway", "create", "--name", "roof"], "required option '--id <eui>'"],
    [["profile", "create", "--name", "x", "--region", "EU999"], "Allowed choices are EU868, US915"],
  ])("%j exits with 2 and says what is expected", async (args, sentence) => {
    const { exitCode, output, errors } = await runProgram(args);
    expect(exitCode).toBe(2);
    expect(output).toBe("");
    expect(errors).toContain(sentence);
  });

  test.each([
    ["--app-key", "000102030405060708090a0b0c0d0e0"],
    ["--app-key", "000102030405060708090a0b0c0d0e0g"],
    ["--app-keyy", "000102030405060708090a0b0c0d0e0f"],
    ["--app-keyy=000102030405060708090a0b0c0d0e0f", "--json"],
    ["--dev-eui", "000102030405060708090a0b0c0d0e0f"],
  ])("a key that is refused is not repeated: %s", async (flag, value) => {
    const { exitCode, output, errors } = await runProgram(["device", "create", flag, value]);
    expect(exitCode).toBe(2);
    expect(output + errors).not.toContain("00010203");
  });

  test.each([["--help"], ["help", "device", "create"], ["device", "create", "--help"], ["--version"]])(
    "%s exits with 0",
    async (...args) => {
      const { exitCode, output, errors } = await runProgram(args.filter(arg => arg !== undefined));
      expect({ exitCode, errors }).toEqual({ exitCode: 0, errors: "" });
      expect(output).not.toBe("");
    },
  );

  test("every command explains itself", async () => {
    const { output } = await runProgram(["--help"]);
    const names = [...output.matchAll(/^ {2}([a-z][a-z-]*) .*? {2}(\S.*)$/gm)].map(match => match[1]);
    expect(names).toEqual(
      expect.arrayContaining(["start", "demo", "config", "gateway", "device", "queue", "events", "decode"]),
    );
    for (const name of names) {
      const help = await runProgram(name === undefined || name === "help" ? ["--help"] : [name, "--help"]);
      expect(help.output, name).toMatch(/^Usage: upchirp .*\n\n\S.*/);
    }
  });
});
