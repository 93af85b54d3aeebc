import { createHash, randomBytes } from "node:crypto";

export const apiKeyPrefix = "upc_";
export const loginTokenPrefix = "upl_";

/** 256 random bits; the prefix lets people and scanners tell what leaked. */
export const newToken = (prefix: string): string => prefix + randomBytes(32).toString("base64url");

/** A plain hash is enough for a value that cannot be guessed; a slow one would cost every request. */
export const hashToken = (token: string): Buffer => createHash("sha256").update(token).digest();
