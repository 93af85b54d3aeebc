import type { AlertKind } from "../../api/alerts.ts";

/** In words, for filters. */
export const kindNames: Readonly<Record<AlertKind, string>> = {
  "gateway-silent": "Silent gateways",
  "device-silent": "Silent devices",
  "battery-low": "Low batteries",
  "join-failures": "Refused joins",
  "repeated-dev-nonce": "Used DevNonces",
  "counter-reset": "Counter resets",
  "smaller-counter": "Smaller counters",
  replay: "Replays",
  "shared-dev-addr": "Shared addresses",
  "weak-root-key": "Weak root keys",
  noise: "Noise",
  "sink-trouble": "Receivers away",
  "duty-budget": "Duty cycle used up",
};

export const stateNames = {
  open: "Raised or acknowledged",
  raised: "Raised",
  acknowledged: "Acknowledged",
  cleared: "Cleared",
  all: "Every state",
} as const;
export type StateChoice = keyof typeof stateNames;

/** What the list is narrowed to; kept in the page's address, so that it can be marked and sent to others. */
export interface AlertView {
  readonly state?: StateChoice | undefined;
  readonly kind?: AlertKind | undefined;
}

export const isStateChoice = (value: unknown): value is StateChoice =>
  typeof value === "string" && Object.hasOwn(stateNames, value);
export const isAlertKind = (value: unknown): value is AlertKind =>
  typeof value === "string" && Object.hasOwn(kindNames, value);

/** Reads the address of the page; what it does not know is left out. */
export const alertViewOf = ({ state, kind }: Record<string, unknown>): AlertView => ({
  state: isStateChoice(state) ? state : undefined,
  kind: isAlertKind(kind) ? kind : undefined,
});
