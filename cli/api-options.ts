import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Command } from "commander";
import { type ApiAddress, type ApiClient, createApiClient } from "./api-client.ts";
import { CommandFailed, UsageError } from "./errors.ts";
import { type OptionValues, textOption } from "./option-values.ts";
import type { Terminal } from "./terminal.ts";

const defaultUrl = "http://127.0.0.1:8080";
/** A running server leaves it in its data folder, readable by its owner alone. */
const tokenFile = "command-line-token";

/** Options of every command that talks to a running server. */
export const addApiOptions = (command: Command): Command =>
  command
    .optionsGroup("Server:")
    .option("--url <url>", `where the server is (else UPCHIRP_URL, else ${defaultUrl})`)
    .option("--token <token>", "API key (else UPCHIRP_TOKEN, else the one in the server's data folder)")
    .option("--data <folder>", "data folder of a server on this machine", "./data")
    .option("--json", "print JSON");

async function tokenIn(folder: string): Promise<string> {
  const path = join(folder, tokenFile);
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "EACCES") {
      throw new CommandFailed("no_token", `${path} is not readable for you; run this as the server's user`);
    }
    throw new CommandFailed(
      "no_token",
      `no API key: there is no ${path}. Run this in the server's folder while it runs, name its data folder with --data, ` +
        "or give a key with --token or UPCHIRP_TOKEN",
    );
  });
  return text.trim();
}

/** The server that the options, the environment or the data folder name. Throws UsageError for a URL that is none. */
export function serverOf(values: OptionValues, { env }: Terminal): ApiAddress {
  const url = textOption(values, "url") ?? (env.UPCHIRP_URL || defaultUrl);
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    throw new UsageError(`${url} is no URL of a server; it looks like ${defaultUrl}`);
  }
  const given = textOption(values, "token") ?? (env.UPCHIRP_TOKEN || undefined);
  const token = async () => given ?? tokenIn(textOption(values, "data") ?? "./data");
  return { url: url.replace(/\/+$/, ""), token };
}

export const connect = (values: OptionValues, terminal: Terminal): ApiClient =>
  createApiClient(serverOf(values, terminal));
