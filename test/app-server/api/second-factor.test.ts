import { TOTP } from "otpauth";
import Type from "typebox";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestApi, type TestApi } from "../../support/api.ts";

const password = "correct horse";
const stepMs = 30_000;

let api: TestApi;
let count = 0;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.end());

interface Person {
  readonly id: string;
  readonly email: string;
  readonly headers: Readonly<Record<string, string>>;
}

const logIn = (email: string, code?: string, given = password) =>
  api.call("POST", "/api/login", { email, password: given, ...(code !== undefined && { code }) }, {});

async function newPerson(): Promise<Person> {
  count += 1;
  const email = `person${count}@example.org`;
  const user = { email, password, isAdministrator: false, isActive: true, note: "" };
  const { id } = await api.repositories.users.create(user);
  // Attempts are counted by address too.
  await api.clock.advance(60_000);
  const { token } = (await logIn(email)).json<{ token: string }>();
  return { id, email, headers: { authorization: `Bearer ${token}` } };
}

const begin = ({ headers }: Person, currentPassword = password) =>
  api.call("POST", "/api/me/second-factor", { currentPassword }, headers);
const confirm = ({ headers }: Person, code: string) =>
  api.call("POST", "/api/me/second-factor/confirmation", { code }, headers);

/** What an authenticator program shows now, or so many steps later. */
const codeOf = (secret: string, steps = 0): string =>
  new TOTP({ secret }).generate({ timestamp: api.clock.nowMs() + steps * stepMs });

async function enrol() {
  const person = await newPerson();
  const { secret, uri } = (await begin(person)).json<{ secret: string; uri: string }>();
  const confirmed = await confirm(person, codeOf(secret));
  expect(confirmed.statusCode, confirmed.body).toBe(200);
  const { recoveryCodes } = confirmed.json<{ recoveryCodes: string[] }>();
  await api.clock.advance(stepMs);
  return { person, secret, uri, recoveryCodes };
}

describe("a second factor", () => {
  test("counts for nothing until a code of it has confirmed it", async () => {
    const person = await newPerson();
    expect((await begin(person, "wrong")).statusCode).toBe(422);
    const { secret } = (await begin(person)).json<{ secret: string }>();
    expect((await confirm(person, "000000")).statusCode).toBe(422);
    expect((await logIn(person.email)).statusCode).toBe(200);
    expect((await confirm(person, codeOf(secret))).json()).toMatchObject({ recoveryCodes: expect.any(Array) });
    expect((await logIn(person.email)).json()).toMatchObject({ status: 401, code: "second_factor" });
    expect((await begin(person)).json()).toMatchObject({ code: "already_exists" });
  });

  test("is asked for after the password, and not told of before", async () => {
    const { person, secret, uri } = await enrol();
    expect(uri).toContain(`secret=${secret}`);
    expect((await logIn(person.email, codeOf(secret), "wrong")).json()).toMatchObject({ code: "unauthenticated" });
    expect((await logIn(person.email, "000000")).json()).toMatchObject({ code: "second_factor" });
    expect((await logIn(person.email, codeOf(secret))).statusCode).toBe(200);
  });

  test("takes no code twice, nor an earlier one after a later one", async () => {
    const { person, secret } = await enrol();
    await api.clock.advance(stepMs);
    const code = codeOf(secret);
    expect((await logIn(person.email, code)).statusCode).toBe(200);
    expect((await logIn(person.email, code)).statusCode).toBe(401);
    expect((await logIn(person.email, codeOf(secret, -1))).statusCode).toBe(401);
    const both = await Promise.all([logIn(person.email, codeOf(secret, 1)), logIn(person.email, codeOf(secret, 1))]);
    expect(both.map(({ statusCode }) => statusCode).toSorted()).toEqual([200, 401]);
  });

  test("is good for a step of difference between clocks and no more", async () => {
    const { person, secret } = await enrol();
    expect((await logIn(person.email, codeOf(secret, 2))).statusCode).toBe(401);
    expect((await logIn(person.email, codeOf(secret, 1))).statusCode).toBe(200);
  });

  test("has ten recovery codes, each good once", async () => {
    const { person, recoveryCodes } = await enrol();
    expect(new Set(recoveryCodes).size).toBe(10);
    const [code = ""] = recoveryCodes;
    expect((await logIn(person.email, code.toUpperCase().replaceAll("-", " "))).statusCode).toBe(200);
    expect((await logIn(person.email, code)).statusCode).toBe(401);
    const state = await api.call("GET", "/api/me/second-factor", undefined, person.headers);
    expect(state.json()).toEqual({ isOn: true, recoveryCodesLeft: 9 });
  });

  test("cannot be guessed by who knows the password", async () => {
    const { person, secret } = await enrol();
    for (let guess = 0; guess < 10; guess += 1) await logIn(person.email, `00000${guess}`);
    expect((await logIn(person.email, codeOf(secret))).statusCode).toBe(429);
    // The minute's count is over, that of codes is not.
    await api.clock.advance(60_000);
    expect((await logIn(person.email, codeOf(secret))).statusCode).toBe(429);
    await api.clock.advance(3_600_000);
    expect((await logIn(person.email, codeOf(secret))).statusCode).toBe(200);
  });

  test("is removed by its owner with password and code, or by an administrator", async () => {
    const { person, secret } = await enrol();
    const remove = (body: object) => api.call("POST", "/api/me/second-factor/removal", body, person.headers);
    expect((await remove({ currentPassword: password, code: "000000" })).statusCode).toBe(401);
    expect((await remove({ currentPassword: "wrong", code: codeOf(secret) })).statusCode).toBe(422);
    expect((await remove({ currentPassword: password, code: codeOf(secret) })).statusCode).toBe(204);
    expect((await logIn(person.email)).statusCode).toBe(200);
    const other = (await enrol()).person;
    expect((await api.call("DELETE", `/api/users/${other.id}/second-factor`)).statusCode).toBe(204);
    expect((await logIn(other.email)).statusCode).toBe(200);
    expect((await api.call("DELETE", `/api/users/${other.id}/second-factor`)).statusCode).toBe(404);
  });

  test("is in no log, no audit log and not in the clear in the database", async () => {
    const { person, secret, recoveryCodes } = await enrol();
    const code = codeOf(secret);
    await logIn(person.email, code);
    const audit = (await api.call("GET", "/api/audit-log?limit=100")).body;
    const [factor] = await api.sql.rows(
      Type.Object({ sealed: Type.String() }),
      "select encode(secret, 'hex') as sealed from second_factors where user_id = $1",
      [person.id],
    );
    const hex = new TOTP({ secret }).secret.hex.toLowerCase();
    expect(factor?.sealed).not.toContain(hex);
    for (const given of [secret, recoveryCodes[0] ?? "", `"${code}"`]) {
      expect(audit + api.logged.join("")).not.toContain(given);
    }
  });
});
