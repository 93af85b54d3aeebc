import { existsIn, isGivenUp } from "./command.ts";
import type { MacContext, MacRequestGroup } from "./engine.ts";
import { commands } from "./registry.ts";
import type { MacState, WantedMacParameters } from "./state.ts";

/**
 * Requests that turn `state.current` into `wanted`, most important first. What is pending is not asked again, nor what
 * the session has given up; and while a device repeats a sticky answer no new request of that kind is made, because its
 * answer could not be told from the repeat. Throws MalformedValue for a wanted value that no command can carry.
 */
export function requestsFor(
  state: MacState,
  wanted: WantedMacParameters,
  context: MacContext,
): readonly MacRequestGroup[] {
  const isSettled = isKnownToFit(state, wanted, context);
  const asking = isSettled ? pacedCommands : networkCommands;
  const requests = asking.flatMap(command => {
    if (isBusy(state, command.cid) || !existsIn(command, context.macVersion)) return [];
    return command
      .wanted(state, wanted, context)
      .filter(bytes => !isGivenUp(state, bytes))
      .map(bytes => ({ bytes, name: command.down?.name ?? "" }));
  });
  const { region, macVersion } = context;
  if (!isSettled && requests.length === 0) fits.set(state, { wanted, region, macVersion });
  return requests;
}

const isBusy = ({ stickyAnswers, pending }: MacState, cid: number): boolean =>
  stickyAnswers?.includes(cid) || pending.some(request => Number.parseInt(request.slice(0, 2), 16) === cid);

const networkCommands = commands.filter(command => command.kind === "network-initiated");
/** Those that time asks for, and not the difference between state and wishes. */
const pacedCommands = networkCommands.filter(({ endsAfterMaxTries }) => !endsAfterMaxTries);

/**
 * Wishes that a state was found to meet. Most uplinks leave both as they were, and comparing channel by channel again what
 * has not changed would be most of the work of an uplink.
 */
const fits = new WeakMap<
  MacState,
  Pick<MacContext, "region" | "macVersion"> & { readonly wanted: WantedMacParameters }
>();

function isKnownToFit(state: MacState, wanted: WantedMacParameters, { region, macVersion }: MacContext): boolean {
  const known = fits.get(state);
  return known?.wanted === wanted && known.region === region && known.macVersion === macVersion;
}
