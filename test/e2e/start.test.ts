import { readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import Type from "typebox";
import Value from "typebox/value";
import { expect, test } from "vitest";
import { runUpchirp, startUpchirp, temporaryFolder } from "../support/upchirp-process.ts";

const tenantList = Type.Object({ items: Type.Array(Type.Object({ id: Type.String() })) });

test("one command starts the whole server, and what was configured is there after a restart", async () => {
  const folder = temporaryFolder();
  const first = await startUpchirp(folder);
  expect(first.output()).toMatch(/password {2}\S{20}/);
  for (const path of ["/healthz", "/readyz", "/metrics", "/api/openapi.json"]) {
    expect((await fetch(first.apiUrl + path)).status, path).toBe(200);
  }
  const headers = { authorization: `Bearer ${first.token()}`, "content-type": "application/json" };
  const tenants = Value.Parse(tenantList, await (await fetch(`${first.apiUrl}/api/tenants`, { headers })).json());
  const created = await fetch(`${first.apiUrl}/api/gateways`, {
    method: "POST",
    headers,
    body: JSON.stringify({ gatewayId: "0016c001f1500812", tenantId: tenants.items[0]?.id, name: "roof" }),
  });
  expect(created.status).toBe(201);
  first.child.kill("SIGINT");
  expect(await first.exited).toBe(0);

  const second = await startUpchirp(folder);
  expect(second.output()).not.toContain("password");
  const gateway = await fetch(`${second.apiUrl}/api/gateways/0016c001f1500812`, { headers });
  expect(await gateway.json()).toMatchObject({ name: "roof" });
  second.child.kill("SIGTERM");
  expect(await second.exited).toBe(0);
});

test("keys and tokens are files that only their owner can read", async () => {
  const folder = temporaryFolder();
  await startUpchirp(folder);
  for (const name of ["command-line-token", "key-encryption-keys"]) {
    expect(statSync(join(folder, name)).mode & 0o077, name).toBe(0);
  }
});

test.each([
  ["--http-port", "HTTP"],
  ["--mqtt-port", "MQTT"],
])("a taken port is one line that names %s", async (option, what) => {
  const taken = createServer().listen(0, "127.0.0.1");
  await new Promise(resolve => taken.once("listening", resolve));
  const address = taken.address();
  const port = typeof address === "object" && address ? address.port : 0;
  try {
    const run = runUpchirp([
      ...["start", "--data", temporaryFolder(), "--udp-port", "0", "--http-port", "0", "--mqtt-port", "0"],
      ...["--set", "http.bind=127.0.0.1", "--set", "appServer.mqtt.broker.bind=127.0.0.1", "--log-level", "error"],
      // A part that has begun beside the refused one must not keep the process.
      ...["--set", "appServer.mqtt.external.url=mqtt://127.0.0.1:1", option, String(port)],
    ]);
    expect(await run.exited).toBe(1);
    const lines = run.output().trim().split("\n");
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain(what);
    expect(lines[0]).toContain(String(port));
    expect(lines[0]).toContain(option);
  } finally {
    taken.close();
  }
});

test("a second server on the same data folder is refused with a sentence", async () => {
  const folder = temporaryFolder();
  await startUpchirp(folder);
  const run = runUpchirp(["start", "--data", folder, "--udp-port", "0", "--http-port", "0", "--mqtt-port", "0"]);
  expect(await run.exited).toBe(1);
  expect(run.output()).toContain(folder);

  const keyFile = join(folder, "key-encryption-keys");
  const before = readFileSync(keyFile, "utf8");
  const rotation = runUpchirp(["rotate-keys", "--data", folder]);
  expect(await rotation.exited).toBe(1);
  expect(rotation.output()).toContain(folder);
  expect(readFileSync(keyFile, "utf8")).toBe(before);
});

test("a data folder that cannot be made is one line that names --data", async () => {
  const file = join(temporaryFolder(), "file");
  writeFileSync(file, "");
  const run = runUpchirp(["start", "--data", join(file, "data")]);
  expect(await run.exited).toBe(1);
  const lines = run.output().trim().split("\n");
  expect(lines).toHaveLength(1);
  expect(lines[0]).toContain(file);
  expect(lines[0]).toContain("--data");
});

test("a file of the external broker that cannot be read is one line that names its option", async () => {
  const file = join(temporaryFolder(), "ca.pem");
  const run = runUpchirp([
    ...["start", "--data", temporaryFolder(), "--udp-port", "0", "--http-port", "0", "--mqtt-port", "0"],
    ...["--set", "appServer.mqtt.external.url=mqtts://127.0.0.1:1", "--set", `appServer.mqtt.external.caFile=${file}`],
    ...["--log-level", "warn"],
  ]);
  expect(await run.exited).toBe(1);
  const lines = run.output().trim().split("\n");
  expect(lines).toHaveLength(1);
  expect(lines[0]).toContain(`appServer.mqtt.external.caFile: `);
  expect(lines[0]).toContain(file);
});

test("a broken configuration names every fault at once", async () => {
  const run = runUpchirp([
    "start",
    "--set",
    "networkServer.udp.port=99999",
    "--set",
    "http.prot=1",
    "--set",
    "networkServer.netId=xyz",
  ]);
  expect(await run.exited).toBe(1);
  for (const path of ["networkServer.udp.port", "http.prot", "networkServer.netId"])
    expect(run.output()).toContain(path);
});
