import { pbkdf2, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";
import { hash, verify } from "@node-rs/argon2";

/** Argon2id in PHC form, with the package's defaults: 19 MiB, two passes. */
export const hashPassword = (password: string): Promise<string> => hash(password);

/** Also for a hash of another server, see `isForeignHash`; a broken one of those fits no password. */
export async function checkPassword(passwordHash: string, password: string): Promise<boolean> {
  const foreign = parseForeignHash(passwordHash);
  if (foreign === undefined) return isForeignHash(passwordHash) ? false : verify(passwordHash, password);
  const { iterations, salt, key } = foreign;
  return timingSafeEqual(await derive(password, salt, iterations, key.length, "sha512"), key);
}

/** A hash that came from another server with its user. It is checked, and made anew with the next login. */
export const isForeignHash = (passwordHash: string): boolean => passwordHash.startsWith(`$${foreignAlgorithm}$`);

const foreignAlgorithm = "pbkdf2-sha512";
const derive = promisify(pbkdf2);
/** More would be a way to keep the server busy. */
const mostIterations = 1_000_000;

/** PHC form: `$pbkdf2-sha512$i=10000,l=32$salt$key`, base64 without padding. */
function parseForeignHash(text: string) {
  const [, parameters = "", salt = "", key = ""] =
    /^\$pbkdf2-sha512\$([a-z0-9=,]{1,40})\$([A-Za-z0-9+/]{8,86})\$([A-Za-z0-9+/]{16,86})$/.exec(text) ?? [];
  const parameter = (name: string): number =>
    Number(new RegExp(`(?:^|,)${name}=(\\d{1,7})(?:,|$)`).exec(parameters)?.[1]);
  const [iterations, bytes] = [parameter("i"), Buffer.from(key, "base64")];
  // A shorter key is the beginning of a longer one: what was cut off must not pass.
  if (!(iterations >= 1 && iterations <= mostIterations) || bytes.length !== parameter("l")) return undefined;
  return { iterations, salt: Buffer.from(salt, "base64"), key: bytes };
}
