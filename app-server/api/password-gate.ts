import type { FastifyReply, FastifyRequest } from "fastify";
import type { User } from "../catalog-ports.ts";
import { createAttemptLimit } from "./attempt-limit.ts";
import type { ApiDependencies } from "./dependencies.ts";
import { createKnownBrowsers } from "./known-browser.ts";
import { Refusal } from "./refusal.ts";

/** An office behind one address may mistype more than one person may. */
const addressLimit = { name: "login-address", maxAttempts: 30, windowMs: 60_000 };
const accountLimit = { name: "login-account", maxAttempts: 10, windowMs: 60_000 };
/** Whoever guesses codes knows the password: a million of them are few for ten attempts a minute. */
const codeLimit = { name: "login-code", maxAttempts: 10, windowMs: 3_600_000 };

export interface PasswordGate {
  /** The user with this email and password. Throws Refusal `too_many_attempts`. */
  password(request: FastifyRequest, reply: FastifyReply, email: string, password: string): Promise<User | undefined>;
  /** The same for a password that is kept here, and not in a directory. */
  ownPassword: PasswordGate["password"];
  /** The same with the second factor, for who has one. Throws Refusal `second_factor` without a good code. */
  login(
    request: FastifyRequest,
    reply: FastifyReply,
    given: { readonly email: string; readonly password: string; readonly code?: string },
  ): Promise<User | undefined>;
}

const tooMany = () => new Refusal("too_many_attempts", "Too many attempts to log in; wait a minute.");

/** Passwords are checked here only: each check is slow on purpose, so that guesses are counted before. */
export function createPasswordGate(deps: ApiDependencies): PasswordGate {
  const { counters, externalUsers, identity, repositories, secondFactors, loginKey } = deps;
  const addresses = createAttemptLimit(counters, addressLimit);
  const accounts = createAttemptLimit(counters, accountLimit);
  const codes = createAttemptLimit(counters, codeLimit);
  const browsers = createKnownBrowsers(loginKey);

  const checkCode = async (user: User, counted: string, code: string | undefined): Promise<void> => {
    if (!(await secondFactors.state(user.id)).isOn) return;
    if (code === undefined) throw new Refusal("second_factor", "The code of the second factor is needed too.");
    const key = `${user.id} ${counted}`;
    if (!(await codes.attempt(key))) throw new Refusal("too_many_attempts", "Too many wrong codes; wait an hour.");
    if (!(await secondFactors.take(user.id, code))) {
      throw new Refusal("second_factor", "The code is wrong, or was used before.");
    }
    await codes.forgive(key);
  };
  /** A password of this server's, or of the directory's. */
  const verify = async (email: string, password: string): Promise<User | undefined> => {
    const user = await repositories.users.verify(email, password);
    if (user !== undefined || identity.directory === undefined) return user;
    const found = await identity.directory.verify(email, password);
    return found && externalUsers.signIn(found, identity.policy);
  };
  const check = async (
    request: FastifyRequest,
    reply: FastifyReply,
    { email, password }: { readonly email: string; readonly password: string },
    prove: (user: User, counted: string) => Promise<void>,
    source = verify,
  ): Promise<User | undefined> => {
    const account = email.toLowerCase();
    const browser = browsers.of(request, account);
    const counted = browser === undefined ? `account ${account}` : `browser ${browser}`;
    if (!(await addresses.attempt(request.ip)) || !(await accounts.attempt(counted))) throw tooMany();
    const user = await source(email, password);
    if (user === undefined) return undefined;
    await prove(user, counted);
    // Only now: forgiven before, a known password would buy any number of codes.
    await accounts.forgive(counted);
    if (browser === undefined) browsers.remember(request, reply, account);
    return user;
  };
  return {
    password: (request, reply, email, password) => check(request, reply, { email, password }, async () => {}),
    ownPassword: (request, reply, email, password) =>
      check(request, reply, { email, password }, async () => {}, repositories.users.verify),
    login: (request, reply, given) =>
      check(request, reply, given, (user, counted) => checkCode(user, counted, given.code)),
  };
}
