import { parseDevAddr } from "../../../lorawan/ids.ts";
import { parseAesKey } from "../../../lorawan/keys.ts";
import { cryptPayload } from "../../../lorawan/phy/security.ts";
import type { CarriedKey } from "../../../migration/carried.ts";
import type { MigrationSource } from "../../../migration/source.ts";
import { createThingsStackSource } from "../../../migration/things-stack/source.ts";
import type { DeviceSession } from "../../../simulators/device-state.ts";

type Json = Readonly<Record<string, unknown>>;

const keyOf = (hex: string): Json => ({ key: hex.toUpperCase() });

/** A session as The Things Stack's command line prints it; counters are the last ones used. */
export function exportedSession(
  session: DeviceSession,
  counters: { readonly network: number; readonly application: number },
  queue: readonly Json[] = [],
): Json {
  const { version11 } = session;
  return {
    session: {
      dev_addr: session.devAddr.toUpperCase(),
      keys: {
        session_key_id: "AYp7",
        f_nwk_s_int_key: keyOf(session.nwkSKey),
        ...(version11 && {
          s_nwk_s_int_key: keyOf(version11.sNwkSIntKey),
          nwk_s_enc_key: keyOf(version11.nwkSEncKey),
        }),
        app_s_key: keyOf(session.appSKey),
      },
      last_f_cnt_up: session.fCntUp - 1,
      last_n_f_cnt_down: counters.network,
      last_a_f_cnt_down: counters.application,
      started_at: "2025-06-01T10:00:00Z",
      queued_application_downlinks: queue,
    },
    mac_state: exportedMacState(session),
  };
}

function exportedMacState({ parameters, fCntUp, version11 }: DeviceSession): Json {
  return {
    lorawan_version: version11 ? "MAC_V1_1" : "MAC_V1_0_3",
    device_class: "CLASS_A",
    current_parameters: {
      max_eirp: 16,
      adr_data_rate_index: parameters.dataRate,
      adr_tx_power_index: parameters.txPowerIndex,
      adr_nb_trans: parameters.nbTrans,
      rx1_delay: parameters.rx1DelaySeconds,
      rx1_data_rate_offset: parameters.rx1DrOffset,
      rx2_data_rate_index: `DATA_RATE_${parameters.rx2DataRate}`,
      rx2_frequency: String(parameters.rx2FrequencyHz),
      max_duty_cycle: "DUTY_CYCLE_1",
      channels: parameters.channels.map(channel => ({
        uplink_frequency: String(channel?.uplinkFrequencyHz ?? 0),
        downlink_frequency: String(channel?.downlinkFrequencyHz ?? 0),
        min_data_rate_index: channel?.minDataRate,
        max_data_rate_index: channel?.maxDataRate,
        enable_uplink: true,
      })),
    },
    recent_uplinks: [
      {
        payload: { mac_payload: { full_f_cnt: fCntUp - 1 } },
        rx_metadata: [{ gateway_ids: { gateway_id: "roof", eui: "AAAAAAAAAAAAAAA1" }, channel_rssi: -60, snr: 9.5 }],
        received_at: "2026-01-01T12:00:00.123456789Z",
      },
    ],
  };
}

/** As it waits there: encrypted, under the counter that was meant for it. */
export const exportedDownlink = (session: DeviceSession, fCnt: number, text: string, changes: Json = {}): Json => ({
  session_key_id: "AYp7",
  f_port: 10,
  f_cnt: fCnt,
  frm_payload: Buffer.from(
    cryptPayload(parseAesKey(session.appSKey), "down", parseDevAddr(session.devAddr), fCnt, Buffer.from(text)),
  ).toString("base64"),
  priority: "NORMAL",
  ...changes,
});

export const exportedDevice = (devEui: string, changes: Json = {}): Json => ({
  ids: {
    device_id: `eui-${devEui}`,
    application_ids: { application_id: "greenhouse" },
    dev_eui: devEui.toUpperCase(),
    join_eui: "0E0E0E0E0E0E0E0E",
  },
  name: "north wall",
  attributes: { room: "3" },
  version_ids: { brand_id: "acme", model_id: "probe-1" },
  lorawan_version: "MAC_V1_0_3",
  lorawan_phy_version: "PHY_V1_0_3_REV_A",
  frequency_plan_id: "EU_863_870_TTN",
  supports_join: true,
  last_dev_status_received_at: "2026-01-01T11:00:00Z",
  root_keys: { app_key: keyOf("c3".repeat(16)) },
  formatters: {
    up_formatter: "FORMATTER_JAVASCRIPT",
    up_formatter_parameter: "function decodeUplink(input) { return { data: { length: input.bytes.length } }; }",
  },
  ...changes,
});

export const exportSource = (
  devices: string,
  {
    gateways = "",
    opened = key => key,
  }: { readonly gateways?: string; readonly opened?: (key: CarriedKey) => CarriedKey } = {},
): MigrationSource =>
  createThingsStackSource({
    devices: [{ name: "devices.json", read: () => devices }],
    gateways: gateways === "" ? [] : [{ name: "gateways.json", read: () => gateways }],
    tenant: "Acme",
    opened,
  });
