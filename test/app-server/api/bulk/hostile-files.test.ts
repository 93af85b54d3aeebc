import { Readable } from "node:stream";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { deviceLines } from "../../../../app-server/api/bulk/device-lines.ts";
import { importFormats, readRecords } from "../../../../app-server/api/bulk/records.ts";
import { maxRecordLength } from "../../../../app-server/api/bulk/text.ts";
import { parseDevEui } from "../../../../lorawan/ids.ts";
import { startTestApi, type TestApi } from "../../../support/api.ts";
import { addTenantWithDevice, type TenantWithDevice } from "../../../support/catalog.ts";

let api: TestApi;
let ours: TenantWithDevice;
beforeAll(async () => {
  api = await startTestApi();
  ours = await addTenantWithDevice(api.repositories, "ours", "0000000000000001");
});
afterAll(() => api.end());

interface Done {
  readonly id: string;
  readonly failed: number;
  readonly created: number;
}

async function send(format: string, file: Buffer | Readable) {
  const { authorization = "" } = await api.keyFor("admin", ours.tenant.id);
  const query = { applicationId: ours.application.id, deviceProfile: ours.profile.id, format, onExisting: "update" };
  const headers = { authorization, "content-type": "application/octet-stream" };
  const answer = await api.app.inject({ method: "POST", url: "/api/imports/devices", query, headers, payload: file });
  const done = answer.json<Done>();
  const { items } = (await api.call("GET", `/api/imports/${done.id}/faults`)).json<{
    items: readonly { line: number; column: string | null; message: string }[];
  }>();
  return { status: answer.statusCode, done, faults: items };
}

const utf16 = (text: string) => Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(text, "utf16le")]);
const good = "a000000000000001";

const files: readonly (readonly [
  what: string,
  format: string,
  file: Buffer,
  created: number,
  fault: RegExp | undefined,
])[] = [
  ["nothing", "csv", Buffer.alloc(0), 0, /empty/],
  ["nothing", "json", Buffer.alloc(0), 0, /empty/],
  ["a header alone", "csv", Buffer.from("devEui,name\n"), 0, undefined],
  ["an empty array", "json", Buffer.from("[]"), 0, /empty/],
  ["NUL in a name", "csv", Buffer.from(`devEui,name\n${good},a\0b\n`), 0, /NUL/],
  ["NUL in a header", "csv", Buffer.from(`devEui,na\0me\n${good},a\n`), 1, undefined],
  ["NUL in a member", "json", Buffer.from(`{"devEui":"${good}","tags":{"a\\u0000":"b"}}`), 0, /NUL/],
  ["half a surrogate pair", "json", Buffer.from(`{"devEui":"${good}","name":"\\ud800"}`), 0, /Unicode/],
  ["Latin-1", "csv", Buffer.from(`devEui,name\n${good},K\u00fcche\n`, "latin1"), 0, /UTF-8/],
  ["Latin-1 in the header", "csv", Buffer.from(`devEui,K\u00fcche\n${good},a\n`, "latin1"), 0, /UTF-8/],
  ["UTF-16 with its mark", "csv", utf16(`devEui,name\r\n${good},K\u00fcche\r\n`), 1, undefined],
  ["UTF-16 without its mark", "csv", Buffer.from(`devEui,name\n${good},a\n`, "utf16le"), 0, /./],
  ["random bytes", "csv", Buffer.from(Array.from({ length: 5000 }, (_, at) => (at * 7919) % 256)), 0, /./],
  ["random bytes", "json", Buffer.from(Array.from({ length: 5000 }, (_, at) => (at * 7919) % 256)), 0, /./],
  [
    "a line without end",
    "csv",
    Buffer.from(`devEui,name\n${good},a\n${"x".repeat(3 * maxRecordLength)}\n`),
    1,
    /longer/,
  ],
  ["a quote without end", "csv", Buffer.from(`devEui,name\n${good},a\nb,"c\n`), 1, /quote/],
  [
    "a quote without end in a long file",
    "csv",
    Buffer.from(`devEui,name\n${good},"a\n${`${good},b\n`.repeat(100_000)}`),
    0,
    /quote/,
  ],
  ["a thousand columns", "csv", Buffer.from(`devEui${",x".repeat(1000)}\n${good}\n`), 0, /no such column/],
  [
    "deep JSON",
    "json",
    Buffer.from(`{"devEui":"${good}","tags":${"[".repeat(200_000)}${"]".repeat(200_000)}}`),
    0,
    /deeply/,
  ],
  ["deep JSON that never ends", "json", Buffer.from(`{"a":${"[".repeat(200_000)}`), 0, /ends in the middle/],
  [
    "a huge record before a good one",
    "json",
    Buffer.from(`{"name":"${"x".repeat(3 * maxRecordLength)}"}\n{"devEui":"${good}","name":"a"}`),
    1,
    /characters/,
  ],
  [
    "a comma too many",
    "json",
    Buffer.from(`[{"devEui":"${good}","name":"a",},{"devEui":"${good}","name":"a"}]`),
    1,
    /no JSON/,
  ],
  ["an array of numbers", "json", Buffer.from("[1,2,3]"), 0, /object is expected/],
  ["a text", "json", Buffer.from('"devices"'), 0, /object is expected/],
  [
    "something behind the array",
    "json",
    Buffer.from(`[{"devEui":"${good}","name":"a"}] and more`),
    1,
    /object is expected/,
  ],
  [
    "members of every object",
    "json",
    Buffer.from(`{"devEui":"${good}","name":"a","__proto__":{"isDisabled":true},"constructor":1}`),
    0,
    /no such member/,
  ],
  [
    "TTS with the wrong types",
    "tts-json",
    Buffer.from('{"ids":5,"root_keys":[],"session":{"dev_addr":{},"keys":{"app_s_key":{"key":1}}}}'),
    0,
    /./,
  ],
  [
    "numbers beyond every range",
    "csv",
    Buffer.from(`devEui,name,fCntUp\n${good},a,99999999999999999999\n`),
    0,
    /whole number/,
  ],
];

describe("a file with", () => {
  test.each(files)("%s (%s) is answered with what is wrong", async (_what, format, file, created, fault) => {
    await api.repositories.devices.remove(parseDevEui(good));
    const { status, done, faults } = await send(format, file);
    expect(status).toBe(200);
    expect({ created: done.created, faults }).toEqual({
      created,
      faults:
        fault === undefined
          ? []
          : expect.arrayContaining([expect.objectContaining({ message: expect.stringMatching(fault) })]),
    });
  });

  test("ever more bad lines is told of each, and takes no more memory for it", async () => {
    const lines = 40_000;
    function* file() {
      yield "devEui,name\n";
      for (let line = 0; line < lines; line += 1000) yield "nonsense,x\n".repeat(1000);
    }
    global.gc?.();
    const before = process.memoryUsage().heapUsed;
    let most = 0;
    const watch = setInterval(() => {
      most = Math.max(most, process.memoryUsage().heapUsed - before);
    }, 20);
    const { done, faults } = await send("csv", Readable.from(file()));
    clearInterval(watch);
    expect(done).toMatchObject({ failed: lines, faults: lines, created: 0 });
    expect(faults).toHaveLength(100);
    expect(most).toBeLessThan(150 << 20);
  }, 120_000);
});

test("records have the lines of the file, whichever way each of them ends and whatever is in quotes", async () => {
  const text = 'devEui,name\n\r\n1,2\r\n"x\r\ny\n",3\r4,5\r\n6,"7';
  const lines: number[] = [];
  for (const cut of [1, 2, 3, text.length]) {
    lines.length = 0;
    async function* file() {
      for (let at = 0; at < text.length; at += cut) yield Buffer.from(text.slice(at, at + cut));
    }
    for await (const { line } of readRecords(file(), "csv", deviceLines)) lines.push(line);
    expect(lines, `in pieces of ${cut}`).toEqual([3, 4, 7, 8]);
  }
});

test("no bytes make the reader throw, and every record has a line of the file", async () => {
  const pieces = fc.array(
    fc.oneof(
      fc.uint8Array({ maxLength: 20 }),
      fc
        .constantFrom('{"devEui":', '"a000000000000001"', "devEui,name\n", "[", "]", "}", ",", ";", '"', "\n", "\r\n")
        .map(text => Buffer.from(text)),
    ),
    { maxLength: 30 },
  );
  await fc.assert(
    fc.asyncProperty(pieces, fc.constantFrom(...importFormats), async (chunks, format) => {
      const breaks = Buffer.concat(chunks)
        .toString()
        .split(/\r\n|\r|\n/).length;
      async function* file() {
        yield* chunks;
      }
      for await (const { line, read } of readRecords(file(), format, deviceLines)) {
        expect(line).toBeGreaterThan(0);
        expect(line).toBeLessThanOrEqual(Math.max(breaks, 1) + 1);
        expect(read).toBeDefined();
      }
    }),
  );
}, 60_000);
