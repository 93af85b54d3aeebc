import type { Activation, AppSKeyVault, NetworkControl } from "../app-server/ports.ts";
import { parseAesKey } from "../lorawan/keys.ts";
import type { NetworkServerControl } from "../network-server/control.ts";

/** The network server as the API knows it. */
export function networkControl(server: NetworkServerControl, vault: AppSKeyVault): NetworkControl {
  const sealed = ({ appSKey, ...activation }: Activation) => ({
    ...activation,
    appSKey: vault.seal(parseAesKey(appSKey)),
  });
  return {
    activate: (devEui, activation) => server.activate(devEui, sealed(activation)),
    ensureActive: (devEui, activation) => server.ensureActive(devEui, sealed(activation)),
    deactivate: devEui => server.deactivate(devEui),
    forceRejoin: (devEui, order) => server.forceRejoin(devEui, order),
    async session(devEui) {
      const found = await server.session(devEui);
      if (!found) return undefined;
      const { session, deviceClass, maxPayload } = found;
      const { current } = session.mac;
      return {
        devAddr: session.devAddr,
        macVersion: session.macVersion,
        region: session.region,
        deviceClass,
        fCntUp: session.fCntUp,
        nFCntDown: session.nFCntDown,
        aFCntDown: session.aFCntDown,
        dataRate: current.dataRate,
        txPowerIndex: current.txPowerIndex,
        nbTrans: current.nbTrans,
        rx1DelaySeconds: current.rx1DelaySeconds,
        rx1DrOffset: current.rx1DrOffset,
        rx2DataRate: current.rx2DataRate,
        rx2FrequencyHz: current.rx2FrequencyHz,
        enabledChannels: current.enabledChannels,
        uplinkFrequenciesHz: current.enabledChannels.flatMap(index => current.channels[index]?.uplinkFrequencyHz ?? []),
        ...(session.mac.pingSlotPeriodicity !== undefined && { pingSlotPeriodicity: session.mac.pingSlotPeriodicity }),
        maxPayload,
        ...(session.lastUplinkAtMs !== undefined && { lastUplinkAtMs: session.lastUplinkAtMs }),
      };
    },
    downlinkSession: devEui => server.downlinkSession(devEui),
    mostPayload: devEui => server.mostPayload(devEui),
    freeDevAddr: () => server.freeDevAddr(),
    explainFrame: question => server.explainFrame(question, envelope => vault.open(envelope)),
    gateways: () => server.gateways(),
    gateway: gatewayId => server.gateway(gatewayId),
    releaseGatewayAddress: gatewayId => server.releaseGatewayAddress(gatewayId),
  };
}
