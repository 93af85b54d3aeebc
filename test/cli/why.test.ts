import { afterAll, beforeAll, expect, test } from "vitest";
import { parseDevEui } from "../../lorawan/ids.ts";
import { startDiagnoses } from "../support/diagnosed-life.ts";
import { createTestTerminal, type Run, runProgram } from "../support/terminal.ts";

let diagnoses: Awaited<ReturnType<typeof startDiagnoses>>;
let administrator: string;
let env: Readonly<Record<string, string>>;
beforeAll(async () => {
  diagnoses = await startDiagnoses();
  const { api } = diagnoses;
  const viewer = { tenantId: diagnoses.tenantId, name: "viewer", role: "viewer", expiresAt: null } as const;
  const { token } = await api.repositories.apiKeys.create(viewer);
  const key = { tenantId: null, name: "administrator", role: "administrator", expiresAt: null } as const;
  administrator = (await api.repositories.apiKeys.create(key)).token;
  env = { UPCHIRP_URL: await api.app.listen({ host: "127.0.0.1", port: 0 }), UPCHIRP_TOKEN: token };
});
afterAll(() => diagnoses.end());

const upchirp = (...args: readonly string[]): Promise<Run> => runProgram([...args], createTestTerminal({ env }));

test("a viewer is told that all is well, with what was looked at, and the exit code is 0", async () => {
  const life = await diagnoses.life();
  await life.addGateway();
  const { device, devEui } = await life.addDevice();
  device.start();
  await life.clock.advance(15_000);
  device.send({ fPort: 1, payload: Uint8Array.of(1) });
  await life.clock.advance(10_000);
  await life.diagnose(devEui);
  const { exitCode, output, errors } = await upchirp("why", devEui);
  expect({ exitCode, errors }).toEqual({ exitCode: 0, errors: "" });
  expect(output).toMatch(new RegExp(`^${devEui}: All is well\\.\n\nLooked at:\n   configuration `));
});

test("a device with a wrong key is told why, what shows it and what to do, and the exit code is 1", async () => {
  const life = await diagnoses.life();
  await life.addGateway();
  const { device, devEui } = await life.addDevice();
  await life.rootKeys.put(devEui, { nwkKey: new Uint8Array(16).fill(9) });
  device.start();
  await life.clock.advance(300_000);
  await life.diagnose(devEui);
  const text = await upchirp("why", `device ${devEui}`);
  expect(text.exitCode).toBe(1);
  expect(text.output).toContain("1. The device's Join-Requests are signed with another root key than is stored here.");
  expect(text.output).toMatch(/\n {3}Join-Requests refused so +\d+/);
  expect(text.output).toContain("What to do:\n   - Enter the AppKey");
  const json = await upchirp("why", devEui, "--json");
  expect(json.exitCode).toBe(1);
  expect(JSON.parse(json.output)).toMatchObject({ isWell: false, findings: [{ code: "wrong_root_key" }] });
});

test("a device that nobody has and that asks to join is told to an administrator, with what to type", async () => {
  const life = await diagnoses.life();
  const gateway = await life.addGateway();
  const { device, devEui } = await life.addMistypedDevice(() => ({ devEui: "1111111111111111" }));
  device.start();
  await life.clock.advance(60_000);
  await life.diagnose(devEui);
  const asAdministrator = (...args: readonly string[]) =>
    runProgram([...args], createTestTerminal({ env: { ...env, UPCHIRP_TOKEN: administrator } }));
  const { exitCode, output } = await asAdministrator("why", device.devEui);
  expect(exitCode).toBe(1);
  expect(output).toContain(`- Add it: upchirp device create --dev-eui ${device.devEui} --join-eui 0e0e0e0e0e0e0e0e `);
  const listed = await asAdministrator("device", "unknown");
  expect(listed.output).toMatch(
    new RegExp(`\\n${device.devEui}  0e0e0e0e0e0e0e0e  \\d +\\S+Z +${gateway.gatewayId}\\n$`),
  );
  await life.create(parseDevEui(device.devEui));
  expect((await asAdministrator("device", "unknown")).output).toMatch(/^No unknown device/);
  expect((await asAdministrator("why", "00000000000000ff")).errors).toContain("Nothing under this DevEUI");
});

test("a device that is not there is no finding but a failure", async () => {
  const { exitCode, output, errors } = await upchirp("why", "00000000000000ff");
  expect({ exitCode, output, errors }).toEqual({
    exitCode: 1,
    output: "",
    errors: "error: There is no such device.\n",
  });
});
