import { expect, test } from "vitest";
import { listenFault } from "../../platform/errors.ts";

const systemError = (code: string): Error => Object.assign(new Error(`bind ${code}`), { code });

test.each([
  ["EADDRINUSE", "port_taken", "port 80 for HTTP is in use by another program; stop that program or set --http-port"],
  ["EACCES", "invalid_config", "port 80 for HTTP may not be used by this user; set --http-port to 1024 or more"],
])("%s of a port is told in one line", (code, ours, message) => {
  expect(listenFault(systemError(code), "HTTP", 80, "--http-port")).toMatchObject({ code: ours, message });
});

test("what nobody expects is left as it is", () => {
  const error = systemError("EIO");
  expect(listenFault(error, "HTTP", 80, "--http-port")).toBe(error);
});
