import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createOutbound } from "../../../app-server/integration/outbound.ts";

type Names = NonNullable<Parameters<typeof createOutbound>[1]>;

/** A resolver that knows one host. */
const resolving = (...addresses: readonly string[]): Names => {
  const answer = (_host: unknown, options: unknown, done?: unknown): void => {
    const callback = typeof options === "function" ? options : done;
    if (typeof callback !== "function") throw new Error("no callback");
    callback(
      null,
      addresses.map(address => ({ address, family: address.includes(":") ? 6 : 4 })),
    );
  };
  return Object.assign(answer, { __promisify__: () => Promise.reject(new Error("not here")) });
};

const forbidden = [
  "127.0.0.1",
  "127.255.0.1",
  "0.0.0.0",
  "10.1.2.3",
  "172.16.0.1",
  "172.31.255.255",
  "192.168.1.1",
  "169.254.169.254",
  "100.64.0.1",
  "100.100.100.200",
  "168.63.129.16",
  "192.0.0.192",
  "192.0.2.1",
  "198.18.0.1",
  "224.0.0.1",
  "240.0.0.1",
  "255.255.255.255",
  "::",
  "::1",
  "fe80::1",
  "fe80::1%eth0",
  "fc00::1",
  "fd00:ec2::254",
  "ff02::1",
  "fec0::1",
  "2001:db8::1",
  "2002:a00:1::1",
  "2001::1",
  "100::1",
  "::ffff:127.0.0.1",
  "::ffff:169.254.169.254",
  "::ffff:a00:1",
  "::10.0.0.1",
  "64:ff9b::a9fe:a9fe",
  "64:ff9b::10.0.0.1",
  "64:ff9b:1::8.8.8.8",
];
const good = ["8.8.8.8", "93.184.216.34", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"];

describe("where integrations may connect to", () => {
  test.each(forbidden)("never to %s, named or given", async address => {
    const outbound = createOutbound([], resolving(address));
    await expect(outbound.resolve("host.example")).rejects.toThrow("is not at a public address");
    await expect(outbound.resolve(address)).rejects.toThrow("is not at a public address");
    await expect(outbound.resolve(`[${address}]`)).rejects.toThrow("is not at a public address");
  });

  test.each(good)("to %s, named or given", async address => {
    const outbound = createOutbound([], resolving(address));
    expect(await outbound.resolve("host.example")).toMatchObject([{ address }]);
    expect(await outbound.resolve(address)).toMatchObject([{ address }]);
  });

  test("not to a host of whose addresses a single one is private", async () => {
    const outbound = createOutbound([], resolving("8.8.8.8", "10.0.0.1"));
    await expect(outbound.resolve("host.example")).rejects.toMatchObject({ code: "forbidden_address" });
  });

  test("to networks that the operator allows, IPv4 inside IPv6 included, and no others", async () => {
    const outbound = createOutbound(["10.1.0.0/16", "fd00::/8"]);
    for (const address of ["10.1.2.3", "::ffff:10.1.2.3", "fd00::7"]) {
      expect(await outbound.resolve(address)).toHaveLength(1);
    }
    for (const address of ["10.2.0.1", "127.0.0.1", "fe80::1"]) {
      await expect(outbound.resolve(address)).rejects.toThrow("not at a public address");
    }
  });

  test("no spelling of an IPv4 address inside an IPv6 one gets past the check", () => {
    fc.assert(
      fc.asyncProperty(fc.ipV4(), fc.constantFrom("::ffff:", "64:ff9b::", "::"), async (address, prefix) => {
        const reached = async (text: string): Promise<boolean> =>
          createOutbound([])
            .resolve(text)
            .then(() => true)
            .catch(() => false);
        if (await reached(`${prefix}${address}`)) expect(await reached(address)).toBe(true);
      }),
    );
  });

  test("net.connect is given what was checked and nothing else", async () => {
    const outbound = createOutbound(["10.0.0.0/8"], resolving("10.0.0.1", "10.0.0.2"));
    const all = await new Promise((resolve, reject) => {
      outbound.lookup("host.example", { all: true }, (error, addresses) =>
        error ? reject(error) : resolve(addresses),
      );
    });
    expect(all).toEqual([
      { address: "10.0.0.1", family: 4 },
      { address: "10.0.0.2", family: 4 },
    ]);
    const inside = createOutbound([], resolving("10.0.0.1"));
    const refused = await new Promise(resolve => inside.lookup("host.example", {}, error => resolve(error)));
    expect(refused).toMatchObject({ code: "forbidden_address" });
  });
});
