import Type, { type Static } from "typebox";
import { defineCall, numbers } from "./process-calls.ts";

// What the processes of a load run ask of each other.

const address = Type.Object({ host: Type.String(), port: Type.Integer() });
const population = Type.Object({
  seed: Type.Integer(),
  devices: Type.Integer(),
  devicesPerAddress: Type.Integer(),
});
const nothing = Type.Object({});

const generatorOptions = Type.Object({
  /** Gateways are spread over them. */
  servers: Type.Array(address, { minItems: 1 }),
  population,
  gateways: Type.Integer(),
  /** Gateways that hear each uplink. */
  copies: Type.Integer(),
  payloadBytes: Type.Integer(),
  confirmed: Type.Boolean(),
});
export type GeneratorOptions = Static<typeof generatorOptions>;

const frameKind = Type.Union([Type.Literal("uplink"), Type.Literal("join")]);
const runPlan = Type.Object({
  /** 16 bits; in every payload of the run. */
  run: Type.Integer(),
  kind: frameKind,
  /** Which device sends each frame, in order. */
  devices: numbers,
  ratePerSecond: Type.Number(),
});
export type RunPlan = Static<typeof runPlan>;

const generatorReport = Type.Object({
  sentAtUs: numbers,
  /** First answer of a gateway's PULL_RESP for each uplink; 0 without. */
  answeredAtUs: numbers,
  datagrams: Type.Integer(),
  acknowledged: Type.Integer(),
  downlinks: Type.Integer(),
  /** Came when their time on the air had passed. */
  lateDownlinks: Type.Integer(),
  /** How far the generator fell behind its own schedule. */
  worstLagMs: Type.Number(),
  elapsedSeconds: Type.Number(),
  /** Of the generator's process since it began to send. */
  cpuUs: Type.Number(),
});
export type GeneratorReport = Static<typeof generatorReport>;

export const openGenerator = defineCall("open", generatorOptions, nothing);
/** Builds every frame of a run. */
export const prepareRun = defineCall("prepare", runPlan, nothing);
/** Sends what was prepared, by the clock and not by the answers. */
export const sendRun = defineCall("send", nothing, nothing);
export const reportRun = defineCall("report", nothing, generatorReport);

const subscriberOptions = Type.Object({
  url: Type.String(),
  username: Type.Optional(Type.String()),
  password: Type.Optional(Type.String()),
  filters: Type.Array(Type.String()),
  population,
});
export type SubscriberOptions = Static<typeof subscriberOptions>;

const expectation = Type.Object({ run: Type.Integer(), kind: frameKind, devices: numbers });
export type Expectation = Static<typeof expectation>;

const arrivals = Type.Object({
  arrivedAtUs: numbers,
  duplicated: Type.Integer(),
  outOfOrder: Type.Integer(),
  unexpected: Type.Integer(),
  /** Of the subscriber's process since the run was expected. */
  cpuUs: Type.Number(),
});

export type Arrivals = Static<typeof arrivals>;

export const openSubscriber = defineCall("open", subscriberOptions, nothing);
export const expectRun = defineCall("expect", expectation, nothing);
/** Resolves when everything expected is here, or nothing has come for so long. */
export const awaitRun = defineCall("await", Type.Object({ silenceMs: Type.Integer() }), nothing);
export const reportArrivals = defineCall("report", nothing, arrivals);

export const openFloor = defineCall("open", nothing, Type.Object({ port: Type.Integer() }));
export const readFloor = defineCall(
  "read",
  nothing,
  Type.Object({ frames: Type.Integer(), cpuUs: Type.Number(), residentBytes: Type.Number() }),
);
