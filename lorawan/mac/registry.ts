import type { MacVersion } from "../version.ts";
import { adrParamSetup } from "./adr-param-setup.ts";
import { beaconFreq } from "./beacon-freq.ts";
import { beaconTiming } from "./beacon-timing.ts";
import { type Command, existsIn } from "./command.ts";
import { devStatus } from "./dev-status.ts";
import { deviceMode } from "./device-mode.ts";
import { deviceTime } from "./device-time.ts";
import { dlChannel } from "./dl-channel.ts";
import { dutyCycle } from "./duty-cycle.ts";
import { forceRejoin } from "./force-rejoin.ts";
import { linkAdr } from "./link-adr.ts";
import { linkCheck } from "./link-check.ts";
import { newChannel } from "./new-channel.ts";
import { pingSlotChannel } from "./ping-slot-channel.ts";
import { pingSlotInfo } from "./ping-slot-info.ts";
import { rejoinParamSetup } from "./rejoin-param-setup.ts";
import { rekey } from "./rekey.ts";
import { reset } from "./reset.ts";
import { rxParamSetup } from "./rx-param-setup.ts";
import { rxTimingSetup } from "./rx-timing-setup.ts";
import { txParamSetup } from "./tx-param-setup.ts";

/**
 * Every MAC command. The order is that of requests in a downlink: by the version that introduced the command (TS001-1.0.4
 * 5), so that an older device reads all it knows, and within a version what keeps the device reachable first.
 */
export const commands: readonly Command[] = [
  rxTimingSetup,
  rxParamSetup,
  newChannel,
  linkAdr,
  dutyCycle,
  devStatus,
  linkCheck,
  pingSlotInfo,
  pingSlotChannel,
  beaconFreq,
  beaconTiming,
  txParamSetup,
  dlChannel,
  deviceTime,
  rekey,
  reset,
  adrParamSetup,
  rejoinParamSetup,
  forceRejoin,
  deviceMode,
];

const byCid: ReadonlyMap<number, Command> = new Map(commands.map(command => [command.cid, command]));

/** The command of this CID if this version has it. */
export function commandOf(cid: number, version: MacVersion): Command | undefined {
  const command = byCid.get(cid);
  return command && existsIn(command, version) ? command : undefined;
}
