import { decode } from "cborg";
import { describe, expect, test } from "vitest";
import { auth, createCoapScene, getRequest, numberOf, option, reader, type Sent } from "../support/coap.ts";
import { applicationId, devEui, otherApplicationId } from "../support/fixtures.ts";

const latest = `devices/${devEui}/latest`;
const temperature = `devices/${devEui}/measurements/temperature`;
const observe = { options: [option("Observe", 0)] };
const [text, json, cbor] = [0, 50, 60];
const second = 1000;

const said = ({ payload }: Sent): string => payload.toString();

describe("what a reader gets", () => {
  test("is the last uplink, in JSON unless it asks for CBOR", async () => {
    const { uplink, get } = createCoapScene();
    uplink({ temperature: 20 });
    uplink({ temperature: 21.5 });
    const answer = await get(latest, { token: Buffer.from("abc") });
    expect(answer).toMatchObject({ code: "2.05", ack: true, messageId: 1, token: Buffer.from("abc") });
    const expected = { time: "2026-01-01T00:00:00.000Z", fCnt: 2, fPort: 2, object: { temperature: 21.5 } };
    expect(JSON.parse(said(answer))).toEqual(expected);
    expect(numberOf(answer, "Content-Format")).toBe(json);
    const binary = await get(latest, { options: [option("Accept", cbor)] });
    expect(numberOf(binary, "Content-Format")).toBe(cbor);
    expect(decode(binary.payload)).toEqual(expected);
  });

  test("is one measurement as a plain text, and as JSON or CBOR for who asks", async () => {
    const { uplink, get } = createCoapScene();
    uplink({ temperature: 21.5, led: { on: true } });
    uplink({ other: 1 });
    const answer = await get(temperature);
    expect([said(answer), numberOf(answer, "Content-Format")]).toEqual(["21.5", text]);
    expect(said(await get(temperature, { options: [option("Accept", json)] }))).toBe("21.5");
    expect(decode((await get(temperature, { options: [option("Accept", cbor)] })).payload)).toBe(21.5);
    expect(said(await get(`devices/${devEui}/measurements/led.on`))).toBe("true");
    expect(said(await get(`devices/${devEui}/measurements/led/on`))).toBe("true");
  });

  test("is nothing yet, as long as there is nothing", async () => {
    const { get } = createCoapScene();
    expect([said(await get(latest)), said(await get(temperature))]).toEqual(["null", "null"]);
    expect(said(await get(temperature, { options: [option("Accept", text)] }))).toBe("");
  });

  test("comes under the application as well, and is not the answer to a message that needs none", async () => {
    const { uplink, get } = createCoapScene();
    uplink({ temperature: 1 });
    const answer = await get(`applications/${applicationId}/${temperature}`, { confirmable: false });
    expect(answer).toMatchObject({ code: "2.05", ack: false, confirmable: false });
    expect(said(answer)).toBe("1");
  });

  test("is two words when it has it already", async () => {
    const { uplink, get } = createCoapScene();
    uplink({ temperature: 1 });
    const eTag = (await get(temperature)).options.find(({ name }) => name === "ETag")?.value ?? Buffer.alloc(0);
    const again = await get(temperature, { options: [{ name: "ETag", value: eTag }] });
    expect([again.code, said(again)]).toEqual(["2.03", ""]);
    uplink({ temperature: 2 });
    expect((await get(temperature, { options: [{ name: "ETag", value: eTag }] })).code).toBe("2.05");
  });

  test("comes in blocks where it is too long for a datagram, or for the reader", async () => {
    const { uplink, get } = createCoapScene();
    uplink({ text: "x".repeat(2500) });
    const first = await get(latest);
    expect(first.payload).toHaveLength(1024);
    expect(numberOf(first, "Block2")).toBe(8 | 6);
    const rest = [
      await get(latest, { options: [option("Block2", 0x16)] }),
      await get(latest, { options: [option("Block2", 0x26)] }),
    ];
    expect(JSON.parse([first, ...rest].map(said).join("")).object.text).toHaveLength(2500);
    expect(numberOf(rest[1]!, "Block2")).toBe(0x26);
    const small = await get(latest, { options: [option("Block2", 0x12)] });
    expect(said(small)).toBe([first, ...rest].map(said).join("").slice(64, 128));
    expect((await get(latest, { options: [option("Block2", 0x36)] })).code).toBe("4.02");
  });
});

describe("a refusal", () => {
  test.each([
    ["without a password", latest, { query: [`u=${reader.username}`] }, "4.01"],
    ["with a wrong one", latest, { query: [`u=${reader.username}`, "p=wrong"] }, "4.01"],
    ["with two of them", latest, { query: [...auth, `p=${reader.password}`] }, "4.01"],
    ["of a device that is not there", "devices/ffffffffffffffff/latest", {}, "4.04"],
    ["of another application", `applications/${otherApplicationId}/devices/${devEui}/latest`, {}, "4.04"],
    ["of what there is not", `devices/${devEui}/oldest`, {}, "4.04"],
    ["of a method that changes something", latest, { code: "0.03" }, "4.05"],
    ["of a format that there is not", latest, { options: [option("Accept", 41)] }, "4.06"],
    ["of an object as a text", latest, { options: [option("Accept", 0)] }, "4.06"],
    ["of an option that is not understood", latest, { options: [option("If-Match", 1)] }, "4.02"],
  ])("%s has its code and nothing else", async (_what, path, more, code) => {
    const { uplink, get, sent, listeners } = createCoapScene();
    uplink({ temperature: 1 });
    const answer = await get(path, more);
    expect([answer.code, answer.bytes.length]).toEqual([code, 5]);
    // Nobody is told of news who may not read it.
    await get(path, { ...more, options: [...("options" in more ? more.options : []), option("Observe", 0)] });
    uplink({ temperature: 2 });
    expect(sent).toHaveLength(2);
    expect(listeners.size).toBe(0);
  });

  test("of a device whose events are another application's by now is that of one that is not there", async () => {
    const { get, state } = createCoapScene();
    state.owner = otherApplicationId;
    expect((await get(latest)).code).toBe("4.04");
  });

  test("comes without a look at the password after ten wrong ones from one address, not from another", async () => {
    const { get, state, clock } = createCoapScene();
    const wrong = { query: ["u=reader", "p=guess"] };
    const codes = [];
    for (let n = 0; n < 12; n += 1) codes.push((await get(latest, wrong)).code);
    expect(codes).toEqual([...Array(10).fill("4.01"), "4.29", "4.29"]);
    expect(state.checks).toBe(10);
    expect((await get(latest)).code).toBe("4.29");
    const from = { address: "192.0.2.2", port: 5000 };
    expect((await get(latest, { from })).code).toBe("2.05");
    // Who was right once needs no further look.
    expect((await get(latest)).code).toBe("2.05");
    await clock.advance(7 * second);
    expect((await get(latest, wrong)).code).toBe("4.01");
  });

  test("comes from all addresses together when too many passwords are tried", async () => {
    const { get, state } = createCoapScene();
    for (let n = 0; n < 200; n += 1) {
      await get(latest, { query: ["u=reader", `p=${n}`], from: { address: `2001:db8::${n}`, port: 1 } });
    }
    expect(state.checks).toBe(100);
  });

  test("comes to a login that reads too much", async () => {
    const { get, clock } = createCoapScene();
    const codes = [];
    for (let n = 0; n < 101; n += 1) codes.push((await get(latest)).code);
    expect(codes.filter(code => code === "2.05")).toHaveLength(100);
    expect(codes.at(-1)).toBe("4.29");
    await clock.advance(second);
    expect((await get(latest)).code).toBe("2.05");
  });

  test("is 5.03 while the database is away", async () => {
    const { get, state } = createCoapScene();
    state.beforeRead = () => Promise.reject(new Error("the database is away"));
    expect((await get(latest, observe)).code).toBe("5.03");
    state.beforeRead = async () => undefined;
    expect((await get(latest)).code).toBe("2.05");
  });
});

test("the same request that comes again while it is answered gets one answer", async () => {
  const { give, state, clock } = createCoapScene();
  let go = (): void => undefined;
  state.beforeRead = () => new Promise(resolve => (go = resolve));
  const bytes = getRequest(latest, { messageId: 9 });
  expect([...(await give(bytes)), ...(await give(bytes))]).toEqual([]);
  go();
  const late = await give(Buffer.of(0));
  await clock.settle();
  expect(late).toHaveLength(1);
});

describe("an observer", () => {
  test("is told of each new value with a number that rises, and of nothing when it is the same", async () => {
    const { get, uplink, sent, clock } = createCoapScene();
    uplink({ temperature: 20 });
    const answer = await get(temperature, { ...observe, token: Buffer.from("t1") });
    expect([answer.code, said(answer)]).toEqual(["2.05", "20"]);
    const numbers = [numberOf(answer, "Observe") ?? 0];
    for (const value of [21, 21, 22]) {
      await clock.advance(10 * second);
      uplink({ temperature: value });
    }
    uplink({ other: 1 });
    const told = sent.slice(1);
    expect(told.map(said)).toEqual(["21", "22"]);
    for (const one of told) {
      expect(one).toMatchObject({ code: "2.05", ack: false, confirmable: false, token: Buffer.from("t1") });
      numbers.push(numberOf(one, "Observe") ?? 0);
    }
    expect(numbers).toEqual(numbers.toSorted((left, right) => left - right));
    expect(new Set(numbers).size).toBe(3);
  });

  test("is told of no more than one value in three seconds, and that is the last", async () => {
    const { get, uplink, sent, clock } = createCoapScene();
    await get(temperature, observe);
    await clock.advance(10 * second);
    for (const value of [1, 2, 3, 4]) uplink({ temperature: value });
    await clock.advance(2 * second);
    expect(sent.slice(1).map(said)).toEqual(["1"]);
    await clock.advance(2 * second);
    expect(sent.slice(1).map(said)).toEqual(["1", "4"]);
  });

  test("gets what came while its value was looked up with the answer", async () => {
    const { give, uplink, state, sent } = createCoapScene();
    let go = (): void => undefined;
    uplink({ temperature: 1 });
    state.beforeRead = () => new Promise(resolve => (go = resolve));
    await give(getRequest(latest, observe));
    uplink({ temperature: 2 });
    go();
    await give(Buffer.of(0));
    expect(sent.map(one => JSON.parse(said(one)).object.temperature)).toEqual([2]);
  });

  test("is asked now and then whether it is there, and forgotten when it does not say so", async () => {
    const { get, uplink, sent, clock, answer, listeners } = createCoapScene();
    await get(temperature, observe);
    const types = [];
    for (let n = 1; n <= 17; n += 1) {
      await clock.advance(10 * second);
      uplink({ temperature: n });
      const last = sent.at(-1)!;
      types.push(last.confirmable);
      if (last.confirmable && n < 16) await answer(last, "ack");
    }
    expect(types.flatMap((isConfirmable, n) => (isConfirmable ? [n + 1] : []))).toEqual([8, 16, 17]);
    // The last is the news with which what was not confirmed is repeated.
    expect(listeners.size).toBe(1);
    await clock.advance(100 * second);
    expect(listeners.size).toBe(0);
    const repeated = sent.filter(({ confirmable }) => confirmable).slice(1);
    expect(repeated).toHaveLength(5);
    expect(new Set(repeated.slice(1).map(({ messageId }) => messageId)).size).toBeLessThan(5);
    const before = sent.length;
    uplink({ temperature: 99 });
    expect(sent).toHaveLength(before);
  });

  test("that confirms late is told what came meanwhile", async () => {
    const { get, uplink, sent, clock, answer } = createCoapScene();
    await get(temperature, observe);
    await clock.advance(1000 * second);
    uplink({ temperature: 1 });
    const asked = sent.at(-1)!;
    expect(asked.confirmable).toBe(true);
    await clock.advance(second);
    uplink({ temperature: 2 });
    expect(sent).toHaveLength(2);
    await answer(asked, "ack");
    await clock.advance(3 * second);
    expect(said(sent.at(-1)!)).toBe("2");
  });

  test("of a device that says nothing is told the same after half an hour, so that both know that the other is there", async () => {
    const { get, sent, clock, answer } = createCoapScene();
    const first = await get(temperature, observe);
    expect(numberOf(first, "Max-Age")).toBeGreaterThan(1800);
    await clock.advance(1801 * second);
    expect(sent).toHaveLength(2);
    expect(sent[1]).toMatchObject({ confirmable: true, payload: first.payload });
    await answer(sent[1]!, "ack");
    await clock.advance(1800 * second);
    expect(sent).toHaveLength(3);
  });

  test.each(["reset", "deregister", "login", "gone"])("is told nothing more after %s", async how => {
    const { get, uplink, sent, clock, answer, listeners, logins, changeLogin } = createCoapScene();
    await get(temperature, observe);
    await clock.advance(10 * second);
    uplink({ temperature: 1 });
    if (how === "reset") await answer(sent.at(-1)!, "reset");
    if (how === "deregister") await get(temperature, { options: [option("Observe", 1)] });
    if (how === "login") changeLogin(reader.username);
    if (how === "gone") {
      changeLogin();
      await clock.settle();
      expect(listeners.size).toBe(1);
      logins.clear();
      changeLogin();
      await clock.settle();
    }
    if (how === "login" || how === "gone") expect(sent.at(-1)).toMatchObject({ code: "4.01", ack: false });
    const before = sent.length;
    await clock.advance(10 * second);
    uplink({ temperature: 2 });
    await clock.advance(4000 * second);
    expect(sent).toHaveLength(before);
    expect(listeners.size).toBe(0);
  });

  test("somebody else's word ends nothing", async () => {
    const { get, uplink, sent, clock, answer, listeners } = createCoapScene();
    await get(temperature, observe);
    await clock.advance(10 * second);
    uplink({ temperature: 1 });
    await answer(sent.at(-1)!, "reset", { address: "192.0.2.66", port: 40_000 });
    expect(listeners.size).toBe(1);
  });

  test("of a device that moved to another application is told that it is gone, and nothing of that", async () => {
    const { get, uplink, sent, clock, state, listeners } = createCoapScene();
    await get(latest, observe);
    state.owner = otherApplicationId;
    await clock.advance(10 * second);
    uplink({ secret: 1 }, otherApplicationId);
    expect(sent).toHaveLength(1);
    await clock.advance(1900 * second);
    expect(sent.slice(1).map(({ code }) => code)).toEqual(["4.04"]);
    expect(listeners.size).toBe(0);
  });

  test("beyond the limit is answered and told nothing, and one that registers again takes no second place", async () => {
    const { get, uplink, sent, clock } = createCoapScene({ maxObservers: 8 });
    const from = (n: number) => ({ address: `192.0.2.${n % 4}`, port: 1000 + n });
    const registered = [];
    for (let n = 0; n < 12; n += 1) {
      for (let time = 0; time < 2; time += 1) {
        registered.push(numberOf(await get(temperature, { ...observe, from: from(n) }), "Observe") !== undefined);
      }
    }
    expect(registered).toEqual([...Array(16).fill(true), ...Array(8).fill(false)]);
    const before = sent.length;
    await clock.advance(10 * second);
    uplink({ temperature: 1 });
    expect(sent.slice(before)).toHaveLength(8);
  });

  test("a quarter of all observers are of one address at most", async () => {
    const { get } = createCoapScene({ maxObservers: 8 });
    const registered = [];
    for (let port = 1; port <= 4; port += 1) {
      const answer = await get(temperature, { ...observe, from: { address: "192.0.2.9", port } });
      registered.push(numberOf(answer, "Observe") !== undefined);
    }
    expect(registered).toEqual([true, true, false, false]);
  });

  test("is told the first block of what is too long, and none of them is told twice by fetching the others", async () => {
    const { get, uplink, sent, clock, listeners } = createCoapScene();
    await get(latest, observe);
    await clock.advance(10 * second);
    uplink({ text: "y".repeat(1500) });
    expect(numberOf(sent.at(-1)!, "Block2")).toBe(8 | 6);
    const next = await get(latest, {
      options: [option("Observe", 0), option("Block2", 0x16)],
      token: Buffer.from("2"),
    });
    expect(numberOf(next, "Observe")).toBeUndefined();
    expect(listeners.size).toBe(1);
  });
});

test("a server that stops tells nobody anything more", async () => {
  const { get, uplink, sent, server, clock, listeners } = createCoapScene();
  await get(temperature, observe);
  await server.close();
  uplink({ temperature: 1 });
  await clock.advance(4000 * second);
  expect(sent).toHaveLength(1);
  expect(listeners.size).toBe(0);
});
