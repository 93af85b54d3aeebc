import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  encodePullAck,
  encodePullResp,
  encodePushAck,
  maxDatagramBytes,
  maxRxpks,
  parsePacket,
  parsePushData,
} from "../../../../network-server/gateway/udp/packet.ts";
import { receptionsOf } from "../../../../network-server/gateway/udp/rxpk.ts";
import { statisticsOf } from "../../../../network-server/gateway/udp/stat.ts";
import { parseTxAck } from "../../../../network-server/gateway/udp/tx-ack.ts";
import { datagram, gatewayA, loraRxpk } from "../fixtures.ts";

const bytes = (text: string): Uint8Array => Buffer.from(text, "utf8");

/** Everything that looks at bytes from outside, one after the other. */
function readWhole(input: Uint8Array): void {
  const packet = parsePacket(input);
  if (typeof packet === "string") return;
  parseTxAck(packet.body);
  const data = parsePushData(packet.body);
  if (data === "bad_json") return;
  if (data.stat) statisticsOf(data.stat);
  for (const rxpk of data.rxpks) {
    receptionsOf(rxpk, { gatewayId: gatewayA, receivedAtUs: 1, receivedAtMs: 2, uplinkId: 3 });
  }
}

/** Deterministic noise, so that a failure can be seen again. */
function noise(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

describe("datagrams", () => {
  test("are read with version, token and the gateway's EUI, most significant byte first", () => {
    const input = Buffer.from("02 12ab 00 aa555a0000000001 7b7d".replaceAll(" ", ""), "hex");
    expect(parsePacket(input)).toMatchObject({ kind: "push_data", version: 2, token: 0x12ab, gatewayId: gatewayA });
    expect(parsePacket(datagram(2, gatewayA, "", { version: 1 }))).toMatchObject({ kind: "pull_data", version: 1 });
    expect(parsePacket(datagram(5, gatewayA))).toMatchObject({ kind: "tx_ack" });
  });

  test.each([0, 1, 4, 11])("of %i bytes are truncated", length => {
    expect(parsePacket(datagram(2, gatewayA).subarray(0, length))).toBe("truncated");
  });

  test.each([0, 3, 255])("of version %i are of the wrong version", version => {
    expect(parsePacket(datagram(0, gatewayA, "{}", { version }))).toBe("wrong_version");
  });

  test.each([1, 3, 4, 6, 255])("with identifier %i come from no gateway", identifier => {
    expect(parsePacket(datagram(identifier, gatewayA, "{}"))).toBe("unknown_identifier");
  });

  test("larger than any forwarder sends are not looked into", () => {
    const header = datagram(0, gatewayA);
    expect(parsePacket(Buffer.concat([header, Buffer.alloc(maxDatagramBytes - header.length)]))).toMatchObject({
      kind: "push_data",
    });
    expect(parsePacket(Buffer.concat([header, Buffer.alloc(maxDatagramBytes - header.length + 1)]))).toBe("too_large");
  });

  test("are answered with their version and token", () => {
    expect(encodePushAck(2, 0x12ab)).toEqual(Buffer.from("0212ab01", "hex"));
    expect(encodePullAck(1, 0x00ff)).toEqual(Buffer.from("0100ff04", "hex"));
    expect(encodePullResp(2, 0xbeef, "{}")).toEqual(Buffer.from("02beef037b7d", "hex"));
  });

  test("of a downlink have no token in version 1", () => {
    expect(encodePullResp(1, 0xbeef, "{}")).toEqual(Buffer.from("010000037b7d", "hex"));
  });

  test("of any content never throw", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), input => readWhole(input)));
    const json = fc.json().map(text => datagram(0, gatewayA, text));
    fc.assert(fc.property(json, input => readWhole(input)));
    const rxpk = fc.dictionary(
      fc.constantFrom(...Object.keys(loraRxpk), "rsig", "meta", "tmms", "ftime"),
      fc.jsonValue(),
    );
    const almost = fc.array(
      rxpk.map(changes => ({ ...loraRxpk, ...changes })),
      { maxLength: 3 },
    );
    fc.assert(fc.property(almost, rxpks => readWhole(datagram(0, gatewayA, JSON.stringify({ rxpk: rxpks })))));
  });

  test("of real content with 100,000 mutations never throw", () => {
    const original = datagram(
      0,
      gatewayA,
      JSON.stringify({
        rxpk: [loraRxpk],
        stat: { time: "2014-01-12 08:59:28 GMT", lati: 46.24, long: 3.2523, rxnb: 2 },
      }),
    );
    const random = noise(20260101);
    let changed = 0;
    for (let round = 0; round < 100_000; round += 1) {
      const mutant = Buffer.from(original);
      const edits = 1 + Math.floor(random() * 3);
      for (let edit = 0; edit < edits; edit += 1) {
        mutant[Math.floor(random() * mutant.length)] = Math.floor(random() * 256);
      }
      if (!mutant.equals(original)) changed += 1;
      readWhole(random() < 0.1 ? mutant.subarray(0, Math.floor(random() * mutant.length)) : mutant);
    }
    expect(changed).toBeGreaterThan(99_000);
  });
});

describe("the body of PUSH_DATA", () => {
  test("may hold frames and statistics side by side, and fields that nobody knows", () => {
    const data = parsePushData(bytes('{"rxpk":[{"tmst":1}],"stat":{"rxnb":2},"jver":1}'));
    expect(data).toEqual({ rxpks: [{ tmst: 1 }], stat: { rxnb: 2 } });
  });

  test.each(["\0", "\0\0\0", " \r\n", "\n\0"])("may end in %j", ending => {
    expect(parsePushData(bytes(`{"rxpk":[1]}${ending}`))).toEqual({ rxpks: [1] });
  });

  test.each(["", "{", "[]", "null", "7", '"x"', '{"rxpk":{}}', '{"rxpk":7}', '{"rxpk":[{"lsnr":nan}]}'])(
    "is refused as bad JSON when it is %j",
    text => {
      expect(parsePushData(bytes(text))).toBe("bad_json");
    },
  );

  test("is refused as bad JSON when it nests without end", () => {
    expect(parsePushData(bytes("[".repeat(maxDatagramBytes - 12)))).toBe("bad_json");
  });

  test("is not followed beyond what a concentrator can hold", () => {
    const data = parsePushData(bytes(`{"rxpk":[${"1,".repeat(9000)}1]}`));
    expect(data === "bad_json" ? 0 : data.rxpks.length).toBe(maxRxpks);
  });
});

describe("TX_ACK", () => {
  test.each([
    "",
    "\0",
    "{}",
    '{"txpk_ack":{}}',
    '{"txpk_ack":null}',
    '{"txpk_ack":{"error":""}}',
    '{"txpk_ack":{"error":"NONE"}}\0',
    '{"txpk_ack":{"error":null}}',
    '{"txpk_ack":{"warn":"NONE"}}',
  ])("%j says that the frame is sent", text => {
    expect(parseTxAck(bytes(text))).toEqual({ kind: "sent" });
  });

  test.each([
    ["TOO_LATE", "TOO_LATE"],
    ["TOO_EARLY", "TOO_EARLY"],
    ["COLLISION_PACKET", "COLLISION_PACKET"],
    ["COLLISION_BEACON", "COLLISION_BEACON"],
    ["TX_FREQ", "TX_FREQ"],
    ["TX_POWER", "TX_POWER"],
    ["GPS_UNLOCKED", "GPS_UNLOCKED"],
    ["QUEUE_FULL", "QUEUE_FULL"],
    ["FULL", "QUEUE_FULL"],
    ["DUTY_CYCLE_OVERFLOW", "DUTY_CYCLE_OVERFLOW"],
    ["INTERNAL_ERROR", "INTERNAL_ERROR"],
    ["UNKNOWN", "INTERNAL_ERROR"],
    ["constructor", "INTERNAL_ERROR"],
    ["too_late", "TOO_LATE"],
  ])("C41 error %s is the failure %s", (error, reason) => {
    expect(parseTxAck(bytes(JSON.stringify({ txpk_ack: { error } })))).toEqual({ kind: "failed", reason });
  });

  test("C41 an error that is no text is a failure all the same", () => {
    expect(parseTxAck(bytes('{"txpk_ack":{"error":7}}'))).toEqual({ kind: "failed", reason: "INTERNAL_ERROR" });
  });

  test("with a warning says that the frame is sent, and how", () => {
    const text = '{"txpk_ack":{"warn":"TX_POWER","value":20}}';
    expect(parseTxAck(bytes(text))).toEqual({ kind: "sent", warning: "TX_POWER 20" });
    expect(parseTxAck(bytes('{"txpk_ack":{"error":"NONE","warn":"TX_POWER"}}'))).toEqual({
      kind: "sent",
      warning: "TX_POWER",
    });
  });

  test.each(["{", "[]", '{"txpk_ack":7}'])("%j is bad JSON", text => {
    expect(parseTxAck(bytes(text))).toBe("bad_json");
  });
});

describe("statistics", () => {
  test("keep numbers and short texts under any name", () => {
    const stat = {
      time: "2014-01-12 08:59:28 GMT",
      rxnb: 2,
      ackr: 100.0,
      temp: 31.5,
      pfrm: "IMST",
      mail: "x".repeat(129),
    };
    expect(statisticsOf({ ...stat, nested: {}, ["n".repeat(33)]: 1 }).values).toEqual({
      time: "2014-01-12 08:59:28 GMT",
      rxnb: 2,
      ackr: 100,
      temp: 31.5,
      pfrm: "IMST",
    });
  });

  test("of many names are cut off", () => {
    const many = Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`n${index}`, index]));
    expect(Object.keys(statisticsOf(many).values)).toHaveLength(32);
  });

  test("tell where the gateway is", () => {
    expect(statisticsOf({ lati: 46.24, long: 3.2523, alti: 145 }).location).toEqual({
      latitude: 46.24,
      longitude: 3.2523,
      altitude: 145,
    });
    expect(statisticsOf({ lati: -1, long: 0 }).location).toEqual({ latitude: -1, longitude: 0, altitude: 0 });
  });

  test.each([{}, { lati: 0, long: 0, alti: 0 }, { lati: 91, long: 0 }, { lati: "46", long: 3 }, { lati: 46 }])(
    "%j tell no place",
    stat => {
      expect(statisticsOf(stat).location).toBeUndefined();
    },
  );
});
