import { expect, test } from "vitest";
import { clientOf } from "../../join-server/clients.ts";
import { joinServerFaults } from "../../join-server/config.ts";

const clients = [
  { netId: "000001", token: "token-of-network-one" },
  { netId: "000002", certificate: "ns-two.example" },
  { netId: "000003", certificate: "ns-three.example", token: "token-of-network-three" },
  // Never accepted by the configuration, and never let in either.
  { netId: "000004" },
];
const bearer = (token: string) => `Bearer ${token}`;

test.each([
  ["nothing", undefined, undefined, undefined],
  ["a token", bearer("token-of-network-one"), undefined, "000001"],
  ["a token without its scheme", "token-of-network-one", undefined, undefined],
  ["a certificate", undefined, "ns-two.example", "000002"],
  ["a certificate that nobody has", undefined, "ns-five.example", undefined],
  ["a certificate and somebody else's token", bearer("token-of-network-one"), "ns-two.example", "000002"],
  ["a stranger's certificate and a token", bearer("token-of-network-one"), "ns-five.example", undefined],
  ["a certificate without the token that belongs to it", undefined, "ns-three.example", undefined],
  ["a token without the certificate that belongs to it", bearer("token-of-network-three"), undefined, undefined],
  ["both", bearer("token-of-network-three"), "ns-three.example", "000003"],
])("C70 whoever shows %s is known as what that binds", (_name, authorization, certificate, netId) => {
  const client = clientOf(clients, { authorization, ...(certificate !== undefined && { certificate }) });
  expect(client?.netId).toBe(netId);
});

test("a client that nobody could be, and half of a key, are faults of the configuration", () => {
  const faults = joinServerFaults({
    clients: [...clients, { netId: "000005", token: "token-of-network-five", kek: "00".repeat(16), appKekLabel: "as" }],
    joinEuis: [],
  });
  expect(faults).toEqual([
    expect.stringMatching(/clients\[1\] \(000002\).*joinServer\.tls/),
    expect.stringMatching(/clients\[2\] \(000003\).*joinServer\.tls/),
    expect.stringMatching(/clients\[3\] \(000004\).*token/),
    expect.stringMatching(/clients\[4\] \(000005\): kek and kekLabel/),
    expect.stringMatching(/clients\[4\] \(000005\): appKek and appKekLabel/),
  ]);
});
