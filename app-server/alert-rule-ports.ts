import type { Alert, AlertKind, AlertRule, AlertWords } from "./alert-ports.ts";

/** One kind of alert as it is without anybody's doing. */
export interface AlertDefinition extends AlertWords {
  readonly rule: AlertRule;
  /** Its value is a number of things that happened. */
  readonly counts: boolean;
  /** Too little is what is wrong, not too much. */
  readonly isLow: boolean;
}

const measured = (raise: number, clear: number, more: Partial<AlertRule> = {}): AlertRule => ({
  isEnabled: true,
  severity: "warning",
  raise,
  clear,
  raiseAfterSeconds: 0,
  clearAfterSeconds: 0,
  windowMinutes: 60,
  ...more,
});
const counted = (raise: number, windowMinutes: number, more: Partial<AlertRule> = {}): AlertRule =>
  measured(raise, 0, { windowMinutes, ...more });

const define = (definition: AlertWords & { readonly rule: AlertRule } & Partial<AlertDefinition>): AlertDefinition => ({
  counts: false,
  isLow: false,
  ...definition,
});

/** Every kind, with the rule of a tenant that has changed nothing. */
export const alertDefinitions: Readonly<Record<AlertKind, AlertDefinition>> = {
  "gateway-silent": define({
    title: "A gateway is silent",
    measures: "seconds since it was last heard",
    whatToDo:
      "Check its power and its network. If both are good, compare the server address and port in its configuration with docs/gateways.md.",
    rule: measured(180, 60, { severity: "critical", clearAfterSeconds: 60 }),
  }),
  "device-silent": define({
    title: "A device is silent",
    measures: "of its usual intervals since it was last heard",
    whatToDo:
      "Check its battery and its place. `upchirp why <devEui>` says what the server saw of it last. If it sends more rarely now, set expectedUplinkIntervalSeconds of its profile.",
    rule: measured(3, 1),
  }),
  "battery-low": define({
    title: "A battery is low",
    measures: "percent of charge, as the device told with DevStatusAns",
    whatToDo: "Plan to change the battery. The device's status events show how fast it falls.",
    rule: measured(20, 30),
    isLow: true,
  }),
  "join-failures": define({
    title: "A device does not get in",
    measures: "refused Join-Requests",
    whatToDo:
      "Compare the root key and JoinEUI that are stored with those of the device: a wrong key shows as a MIC that does not fit. `upchirp why <devEui>` names the cause.",
    rule: counted(3, 60),
    counts: true,
  }),
  "repeated-dev-nonce": define({
    title: "A device joins with a DevNonce that was used before",
    measures: "Join-Requests with a used DevNonce",
    whatToDo:
      "The device forgets its DevNonce when it restarts, or somebody plays back its requests. Update its firmware; to let it in once, delete its used nonces (DELETE /api/devices/{devEui}/dev-nonces).",
    rule: counted(3, 60),
    counts: true,
  }),
  "counter-reset": define({
    title: "A device began its frame counter again",
    measures: "resets that its settings allow",
    whatToDo:
      "Each reset lets old frames be played back. Have the device keep its counter or join over the air, then turn resetsFCnt off.",
    rule: counted(1, 1440, { severity: "info" }),
    counts: true,
  }),
  "smaller-counter": define({
    title: "A device sends smaller frame counters than before",
    measures: "frames that were refused",
    whatToDo:
      "Its frames are lost until the counter has caught up. Let it join anew, activate it with a counter of 0, or allow counter resets for it (resetsFCnt).",
    rule: counted(3, 60, { severity: "critical" }),
    counts: true,
  }),
  replay: define({
    title: "Frames of a device come again",
    measures: "frames with a used counter",
    whatToDo:
      "A few come from gateways that hold frames back. Many mean that somebody plays them back, or that a second device has the same session: look who heard them, and give the device a new session.",
    rule: counted(5, 60),
    counts: true,
  }),
  "shared-dev-addr": define({
    title: "Many devices share one DevAddr",
    measures: "devices with this address",
    whatToDo:
      "Each of their frames has to be tried with the keys of all. Devices activated by personalisation that were set up alike need addresses of their own, and keys of their own above all.",
    rule: measured(4, 3),
  }),
  "weak-root-key": define({
    title: "A root key that anybody can guess",
    measures: "1 while it is stored",
    whatToDo:
      "Whoever knows it reads and forges this device's frames. Give the device a random key, store that, and let it join anew.",
    rule: measured(1, 0, { severity: "critical" }),
  }),
  noise: define({
    title: "A gateway hears mostly noise",
    measures: "percent of frames whose CRC is wrong",
    whatToDo:
      "Look for a source of interference near the antenna, for a loose antenna connector, and for frames of others on the same channels.",
    rule: measured(80, 60, { raiseAfterSeconds: 900, clearAfterSeconds: 900 }),
  }),
  "sink-trouble": define({
    title: "The receiver of an integration is away",
    measures: "1 while messages wait for it",
    whatToDo:
      "Nothing is lost: messages wait within the integration's limits. Its state has the receiver's last words; test it there when it is mended.",
    rule: measured(1, 0, { severity: "critical", raiseAfterSeconds: 60, clearAfterSeconds: 60 }),
  }),
  "duty-budget": define({
    title: "A gateway has used up its duty cycle",
    measures: "downlinks that could not be sent for it",
    whatToDo:
      "Send fewer or shorter downlinks, let ADR raise data rates, or add a gateway. Confirmed uplinks cost a downlink each.",
    rule: counted(3, 60),
    counts: true,
  }),
};

/** As it holds for a tenant. */
export const ruleOf = (kind: AlertKind, change: Partial<AlertRule> | undefined): AlertRule => ({
  ...alertDefinitions[kind].rule,
  ...change,
});

/** The alert with what it is about, and what to do about it. */
export function toldAlert({ subjectType: type, subject: id, subjectName: name, ...alert }: Alert) {
  const { title, measures, whatToDo } = alertDefinitions[alert.kind];
  return { ...alert, subject: { type, id, name }, title, measures, whatToDo };
}
