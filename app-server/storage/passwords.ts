import { hash, verify } from "@node-rs/argon2";

/** Argon2id in PHC form, with the package's defaults: 19 MiB, two passes. */
export const hashPassword = (password: string): Promise<string> => hash(password);

export const checkPassword = (passwordHash: string, password: string): Promise<boolean> =>
  verify(passwordHash, password);
