import { demodulationFloor } from "../link-margin.ts";
import type { AdrScriptOutcome, AdrScriptRequest, AdrScripts, DeviceConfig } from "../ports.ts";
import type { Session } from "../session.ts";
import type { AdrDecision, AdrInput } from "./adr.ts";
import { defaultAdr } from "./default.ts";

/** TS001-1.0.4 5.2: NbTrans is 1 to 15. */
const maxNbTrans = 15;

/**
 * What the algorithm of the device's profile decides, and nothing where it has none. A script that fails, or asks for what
 * the device cannot do, keeps the device as it is; `fault` says why.
 */
export async function decideAdr(
  scripts: AdrScripts,
  device: Pick<DeviceConfig, "devEui" | "tenantId" | "profile">,
  session: Session,
  input: AdrInput | undefined,
): Promise<AdrDecision | undefined> {
  if (!input) return undefined;
  switch (device.profile.adrAlgorithm) {
    case "none":
      return undefined;
    case "default":
      return defaultAdr(input);
    case "script": {
      const { adrScript = "" } = device.profile;
      const outcome = await scripts.decide(adrScript, device.tenantId, requestOf(device.devEui, session, input));
      return decisionOf(input, outcome);
    }
  }
}

function requestOf(devEui: string, session: Session, input: AdrInput): AdrScriptRequest {
  const modulation = input.region.uplinkDataRates[input.dataRate];
  const requiredSnrForDr = modulation && demodulationFloor(modulation);
  return {
    devEui,
    regionName: session.regionConfigId,
    regionCommonName: session.region,
    macVersion: session.macVersion,
    regParamsRevision: session.regionalParameters,
    adr: true,
    adrAckReq: input.adrAckReq,
    dr: input.dataRate,
    txPowerIndex: input.txPowerIndex,
    nbTrans: input.nbTrans,
    ...limitsOf(input),
    maxTxPowerIndex: input.region.maxTxPowerIndex,
    ...(requiredSnrForDr !== undefined && { requiredSnrForDr }),
    installationMargin: input.installationMarginDb,
    uplinkHistory: input.history.map(({ fCnt, snrDb, gatewayCount }) => ({
      fCnt,
      maxSnr: snrDb,
      txPowerIndex: input.txPowerIndex,
      gatewayCount,
    })),
  };
}

/** SF6 and SF5 are no neighbours of the other rates in number: a script that counts upwards must not run into the gap. */
function limitsOf({ region, dataRates }: AdrInput): { readonly minDr: number; readonly maxDr: number } {
  const neighbours = dataRates.filter(dataRate => dataRate <= region.maxAdrDataRate);
  const [minDr = 0] = neighbours.length > 0 ? neighbours : dataRates;
  return { minDr, maxDr: neighbours.at(-1) ?? minDr };
}

function decisionOf(input: AdrInput, outcome: AdrScriptOutcome): AdrDecision {
  if (outcome.kind === "failed") return kept(input, outcome.message);
  const { wanted, id, reason } = outcome;
  const { dataRate, txPowerIndex, nbTrans } = wanted;
  // A device outside of the limits may stay there for as long as the script likes.
  if (dataRate !== input.dataRate && !input.dataRates.includes(dataRate)) {
    const { minDr, maxDr } = limitsOf(input);
    return kept(input, `dr ${dataRate} is not within ${minDr} to ${maxDr}`);
  }
  const most = input.region.maxTxPowerIndex;
  if (txPowerIndex > most) return kept(input, `txPowerIndex ${txPowerIndex} is not within 0 to ${most}`);
  if (nbTrans < 1 || nbTrans > maxNbTrans) return kept(input, `nbTrans ${nbTrans} is not within 1 to ${maxNbTrans}`);
  return { wanted, reason: [id ?? "script", reason].filter(Boolean).join(", ") };
}

const kept = ({ dataRate, txPowerIndex, nbTrans }: AdrInput, fault: string): AdrDecision => ({
  wanted: { dataRate, txPowerIndex, nbTrans },
  reason: `the script failed: ${fault}`,
  fault,
});
