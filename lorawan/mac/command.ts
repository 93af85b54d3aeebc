import type { Region } from "../region/region.ts";
import { type MacVersion, macVersions } from "../version.ts";
import {
  decodeMessage,
  type ErasedMessage,
  encodeMessage,
  eraseMessage,
  type Fields,
  type Message,
} from "./message.ts";
import type { MacParameters, MacState, WantedMacParameters } from "./state.ts";

/** What a command may know of the world beside the session's state. */
export interface CommandContext {
  readonly region: Region;
  readonly macVersion: MacVersion;
  /** Wall clock. */
  readonly nowMs: number;
  /** The uplink that is being answered. */
  readonly uplink: {
    readonly marginDb: number;
    readonly gatewayCount: number;
    /** End of the uplink, milliseconds since the GPS epoch. */
    readonly endGpsTimeMs: number;
    /** Its ADR bit; when absent, the device is taken to follow ADR. */
    readonly adr?: boolean;
  };
  /** 0 is never. */
  readonly deviceStatusIntervalSeconds: number;
  /** What a device that was activated by personalisation was built with; absent for one that joined. */
  readonly builtWith?: MacParameters;
  /** What the device's ping slots are as it was built, where that is not the region's own. */
  readonly pingSlots?: Pick<MacParameters, "pingSlotFrequencyHz" | "pingSlotDataRate">;
}

export type CommandEvent =
  | { readonly kind: "device-status"; readonly battery: number; readonly marginDb: number }
  | { readonly kind: "refused"; readonly name: string; readonly detail: string }
  /**
   * A request was refused or left unanswered so often that it is not sent again, or not before a rest. `request` is its
   * key, `refusal` what the device refused of it at last; absent: there was no answer.
   */
  | { readonly kind: "given-up"; readonly name: string; readonly request: string; readonly refusal?: string }
  /** Nothing behind it could be read (C52). */
  | { readonly kind: "unknown-command"; readonly cid: number }
  | { readonly kind: "truncated-command"; readonly cid: number }
  | { readonly kind: "unsolicited-answer"; readonly name: string }
  | { readonly kind: "ping-slot-periodicity"; readonly periodicity: number }
  | { readonly kind: "device-class"; readonly deviceClass: "A" | "C" }
  /** 1.1: an ABP device has started anew and lost what MAC commands had set. */
  | { readonly kind: "device-reset" }
  /** 1.1: the device uses the keys of its last join. */
  | { readonly kind: "device-rekeyed" };

/** How often a request is sent before the session gives it up. */
export const maxTries = 3;

/** Key of a request in `MacState.pending` and `MacState.failures`. */
export const requestKey = (request: Uint8Array): string =>
  Buffer.from(request.buffer, request.byteOffset, request.byteLength).toString("hex");

export function isGivenUp({ failures, resting }: MacState, request: Uint8Array): boolean {
  const key = requestKey(request);
  return (failures[key] ?? 0) >= maxTries && resting?.[key] !== 0;
}

interface CommandBase {
  readonly cid: number;
  /** The version that introduced it, and the last that has it. */
  readonly since: MacVersion;
  readonly until?: MacVersion;
  readonly up?: ErasedMessage;
  readonly down?: ErasedMessage;
}

export interface Reply {
  readonly state: MacState;
  readonly answer?: Uint8Array;
  readonly events: readonly CommandEvent[];
}

/** The device asks, the network answers. Payloads are without the CID, answers with it. */
export interface DeviceInitiatedCommand extends CommandBase {
  readonly kind: "device-initiated";
  answer(payload: Uint8Array, state: MacState, context: CommandContext): Reply;
}

export type Acceptance =
  | { readonly kind: "accepted"; readonly state: MacState; readonly events: readonly CommandEvent[] }
  /** `state` holds what was refused, and what was accepted nevertheless. `isFinal`: the command will not ask for it again. */
  | { readonly kind: "refused"; readonly state: MacState; readonly detail: string; readonly isFinal?: boolean };

/** The network asks, the device answers. A group is the bytes of requests that stay together. */
export interface NetworkInitiatedCommand extends CommandBase {
  readonly kind: "network-initiated";
  /** The device repeats its answer in every uplink until a class A downlink arrives (C58). */
  readonly sticky: boolean;
  /** False for requests that something else paces, so that lost frames never end them. */
  readonly endsAfterMaxTries: boolean;
  wanted(state: MacState, wanted: WantedMacParameters, context: CommandContext): readonly Uint8Array[];
  /** How many answers a group may get. */
  answerCount(group: Uint8Array): number;
  accept(state: MacState, group: Uint8Array, payloads: readonly Uint8Array[], context: CommandContext): Acceptance;
  sent(state: MacState, nowMs: number): MacState;
}

/** Read, described and passed over; nothing asks for it and nothing answers it. */
export interface CodecOnlyCommand extends CommandBase {
  readonly kind: "codec-only";
}

export type Command = DeviceInitiatedCommand | NetworkInitiatedCommand | CodecOnlyCommand;

interface Versions {
  readonly since: MacVersion;
  readonly until?: MacVersion;
}

const versionsOf = ({ since, until }: Versions): Versions => ({ since, ...(until && { until }) });

export const existsIn = ({ since, until }: Versions, version: MacVersion): boolean => {
  const order = macVersions.indexOf(version);
  return order >= macVersions.indexOf(since) && (until === undefined || order <= macVersions.indexOf(until));
};

export interface TypedReply<Answer> {
  readonly state?: MacState;
  readonly answer?: Answer;
  readonly events?: readonly CommandEvent[];
}

/** Erases a device-initiated command to bytes. */
export function deviceInitiated<Request extends Fields, Answer extends Fields>(
  definition: Versions & {
    readonly request: Message<Request>;
    readonly response: Message<Answer>;
    readonly answer: (request: Request, context: CommandContext, state: MacState) => TypedReply<Answer>;
  },
): DeviceInitiatedCommand {
  const { request, response } = definition;
  return {
    kind: "device-initiated",
    cid: request.cid,
    ...versionsOf(definition),
    up: eraseMessage(request),
    down: eraseMessage(response),
    answer: (payload, state, context) => {
      const reply = definition.answer(decodeMessage(request, payload), context, state);
      return {
        state: reply.state ?? state,
        events: reply.events ?? [],
        ...(reply.answer && { answer: encodeMessage(response, reply.answer) }),
      };
    },
  };
}

interface NetworkDefinition<Request extends Fields, Answer extends Fields> extends Versions {
  readonly request: Message<Request>;
  readonly response: Message<Answer>;
  readonly sticky?: boolean;
  readonly endsAfterMaxTries?: boolean;
  readonly sent?: (state: MacState, nowMs: number) => MacState;
}

/** Erases a network-initiated command whose requests form blocks that the device takes or refuses as one. */
export function networkInitiatedBlock<Request extends Fields, Answer extends Fields>(
  definition: NetworkDefinition<Request, Answer> & {
    readonly wanted: (
      state: MacState,
      wanted: WantedMacParameters,
      context: CommandContext,
    ) => readonly (readonly Request[])[];
    readonly accept: (
      state: MacState,
      block: readonly Request[],
      answers: readonly Answer[],
      context: CommandContext,
    ) => Acceptance;
  },
): NetworkInitiatedCommand {
  const { request, response } = definition;
  const size = 1 + request.length;
  const requestsOf = (group: Uint8Array): readonly Request[] =>
    Array.from({ length: Math.floor(group.length / size) }, (_, index) =>
      decodeMessage(request, group.subarray(index * size + 1, (index + 1) * size)),
    );
  return {
    kind: "network-initiated",
    cid: request.cid,
    ...versionsOf(definition),
    down: eraseMessage(request),
    up: eraseMessage(response),
    sticky: definition.sticky ?? false,
    endsAfterMaxTries: definition.endsAfterMaxTries ?? true,
    wanted: (state, wanted, context) =>
      definition
        .wanted(state, wanted, context)
        .map(block => Buffer.concat(block.map(value => encodeMessage(request, value)))),
    answerCount: group => Math.floor(group.length / size),
    accept: (state, group, payloads, context) =>
      definition.accept(
        state,
        requestsOf(group),
        payloads.map(payload => decodeMessage(response, payload)),
        context,
      ),
    sent: definition.sent ?? (state => state),
  };
}

/** Erases a network-initiated command whose requests are answered one by one. */
export function networkInitiated<Request extends Fields, Answer extends Fields>(
  definition: NetworkDefinition<Request, Answer> & {
    readonly wanted: (state: MacState, wanted: WantedMacParameters, context: CommandContext) => readonly Request[];
    readonly accept: (state: MacState, request: Request, answer: Answer, context: CommandContext) => Acceptance;
  },
): NetworkInitiatedCommand {
  return networkInitiatedBlock({
    ...definition,
    wanted: (state, wanted, context) => definition.wanted(state, wanted, context).map(value => [value]),
    accept: (state, [request], [answer], context) =>
      request === undefined || answer === undefined
        ? refused(state, "no answer")
        : definition.accept(state, request, answer, context),
  });
}

/** A command without behaviour. */
export function codecOnly<Up extends Fields, Down extends Fields>(
  definition: Versions & { readonly up?: Message<Up>; readonly down?: Message<Down>; readonly cid: number },
): CodecOnlyCommand {
  return {
    kind: "codec-only",
    cid: definition.cid,
    ...versionsOf(definition),
    ...(definition.up && { up: eraseMessage(definition.up) }),
    ...(definition.down && { down: eraseMessage(definition.down) }),
  };
}

export const accepted = (state: MacState, events: readonly CommandEvent[] = []): Acceptance => ({
  kind: "accepted",
  state,
  events,
});

/** The state with these parameters in force. */
export const acceptedWith = (state: MacState, changed: WantedMacParameters): Acceptance =>
  accepted({ ...state, current: { ...state.current, ...changed } });

export const refused = (state: MacState, detail: string, isFinal = false): Acceptance => ({
  kind: "refused",
  state,
  detail,
  ...(isFinal && { isFinal }),
});

/** The names of the flags that are false: what the device refused, for people. */
export const refusedBits = (answer: Readonly<Record<string, boolean>>): string =>
  Object.entries(answer)
    .filter(([, isAccepted]) => !isAccepted)
    .map(([name]) => name)
    .join(", ");
