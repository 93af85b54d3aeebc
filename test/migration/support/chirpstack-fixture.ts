import { pbkdf2Sync } from "node:crypto";
import type { Fixture, FixtureRow } from "./chirpstack-database.ts";
import type { Generation } from "./chirpstack-schema.ts";

export const tenantId = "52f14cd4-c6f1-4fbd-8f87-4025e1d49242";
export const applicationId = "11111111-1111-4111-8111-111111111111";
export const joinEui = "0e0e0e0e0e0e0e0e";
export const gatewayId = "a0b1c2d3e4f50607";
/** By the name of the kind of device that has it. */
export const profileIds = {
  otaa: "aaaaaaaa-0000-4000-8000-000000000001",
  abp: "aaaaaaaa-0000-4000-8000-000000000002",
  classC: "aaaaaaaa-0000-4000-8000-000000000003",
  version11: "aaaaaaaa-0000-4000-8000-000000000004",
  version104: "aaaaaaaa-0000-4000-8000-000000000005",
} as const;

export interface FixtureDevice {
  readonly devEui: string;
  readonly profile?: keyof typeof profileIds;
  readonly session?: Uint8Array;
  readonly fCntUp?: number;
  readonly nwkKey?: string;
  readonly appKey?: string;
  readonly devNonces?: readonly number[];
  readonly joinNonce?: number;
  readonly queue?: readonly {
    readonly text?: string;
    readonly data?: Uint8Array;
    readonly createdAt: string;
    readonly changes?: FixtureRow;
  }[];
  /** Columns of the device's row. */
  readonly row?: FixtureRow;
}

const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, "hex"));
const unpadded = (value: Uint8Array): string => Buffer.from(value).toString("base64").replace(/=+$/, "");

/** As ChirpStack writes it. */
export function chirpStackPassword(password: string): string {
  const salt = Buffer.from("sixteen of bytes");
  return `$pbkdf2-sha512$i=10000,l=32$${unpadded(salt)}$${unpadded(pbkdf2Sync(password, salt, 10_000, 32, "sha512"))}`;
}

const profile = (id: string, name: string, changes: FixtureRow): FixtureRow => ({
  id,
  name,
  tenant_id: tenantId,
  region: "EU868",
  region_config_id: "eu868",
  mac_version: "1.0.3",
  reg_params_revision: "A",
  adr_algorithm_id: "default",
  payload_codec_runtime: "JS",
  payload_codec_script: "function decodeUplink(input) { return { data: { length: input.bytes.length } }; }",
  uplink_interval: 600,
  device_status_req_interval: 0,
  supports_otaa: true,
  tags: { maker: "acme" },
  abp_params: null,
  class_b_params: null,
  class_c_params: null,
  relay_params: null,
  ...changes,
});

function profileRows(generation: Generation): readonly FixtureRow[] {
  const abp = { rx1_delay: 1, rx1_dr_offset: 0, rx2_dr: 0, rx2_freq: 869_525_000 };
  const older = generation !== "4.19";
  return [
    profile(profileIds.otaa, "OTAA", {}),
    profile(profileIds.abp, "ABP", {
      supports_otaa: false,
      ...(older
        ? { abp_rx1_delay: abp.rx1_delay, abp_rx2_dr: abp.rx2_dr, abp_rx2_freq: abp.rx2_freq }
        : { abp_params: abp }),
    }),
    profile(profileIds.classC, "class C", {
      supports_class_c: true,
      ...(older ? { class_c_timeout: 12 } : { class_c_params: { timeout: 12 } }),
    }),
    profile(profileIds.version11, "1.1", { mac_version: "1.1.0" }),
    profile(profileIds.version104, "1.0.4", {
      mac_version: "1.0.4",
      reg_params_revision: "RP002-1.0.3",
      supports_class_b: true,
      ...(older
        ? { class_b_timeout: 5, class_b_ping_slot_dr: 2, class_b_ping_slot_freq: 868_300_000 }
        : { class_b_params: { timeout: 5, ping_slot_periodicity: 3, ping_slot_dr: 2, ping_slot_freq: 868_300_000 } }),
    }),
  ];
}

export function deviceRows(generation: Generation, devices: readonly FixtureDevice[]): Fixture {
  return {
    device: devices.map(device => ({
      dev_eui: bytes(device.devEui),
      application_id: applicationId,
      device_profile_id: profileIds[device.profile ?? "otaa"],
      name: `device ${device.devEui}`,
      enabled_class: device.profile === "classC" ? "C" : "A",
      join_eui: bytes(joinEui),
      device_session: device.session,
      f_cnt_up: device.fCntUp,
      last_seen_at: new Date("2026-01-01T12:00:00Z"),
      variables: { key: "value" },
      ...device.row,
    })),
    device_keys: devices
      .filter(({ profile: kind }) => kind !== "abp")
      .map(({ devEui, nwkKey = "c3".repeat(16), appKey = "0".repeat(32), devNonces = [], joinNonce = 0 }) => ({
        dev_eui: bytes(devEui),
        nwk_key: bytes(nwkKey),
        app_key: bytes(appKey),
        dev_nonces: generation === "4.19" ? { [joinEui]: devNonces } : devNonces,
        join_nonce: joinNonce,
      })),
    device_queue_item: devices.flatMap(({ devEui, queue = [] }) =>
      queue.map(({ text = "", data = Buffer.from(text), createdAt, changes }, index) => ({
        id: `${devEui.slice(-8)}-0000-4000-8000-${String(index).padStart(12, "0")}`,
        dev_eui: bytes(devEui),
        created_at: new Date(createdAt),
        f_port: 10,
        data: Uint8Array.from(data),
        ...changes,
      })),
    ),
  };
}

/** Everything of a small installation. */
export const installation = (generation: Generation, devices: readonly FixtureDevice[]): Fixture => ({
  tenant: [{ id: tenantId, name: "Acme", can_have_gateways: true, max_device_count: 10, tags: { town: "Bern" } }],
  user: [
    {
      id: "22222222-0000-4000-8000-000000000001",
      email: "admin",
      is_admin: true,
      is_active: true,
      password_hash: chirpStackPassword("admin"),
    },
    {
      id: "22222222-0000-4000-8000-000000000002",
      email: "eve@example.org",
      is_active: true,
      password_hash: chirpStackPassword("a password of hers"),
      note: "installer",
    },
  ],
  tenant_user: [{ tenant_id: tenantId, user_id: "22222222-0000-4000-8000-000000000002", is_device_admin: true }],
  application: [{ id: applicationId, tenant_id: tenantId, name: "Sensors", tags: {} }],
  application_integration: [{ application_id: applicationId, kind: "Http" }],
  api_key: [{ id: "33333333-0000-4000-8000-000000000001", name: "dashboard", tenant_id: tenantId }],
  multicast_group: [{ id: "44444444-0000-4000-8000-000000000001", application_id: applicationId, name: "lamps" }],
  gateway: [
    {
      gateway_id: bytes(gatewayId),
      tenant_id: tenantId,
      name: "roof",
      latitude: 46.9,
      longitude: 7.4,
      altitude: 550,
      tags: { mast: "1" },
      downlink_priority: 10,
    },
  ],
  device_profile: profileRows(generation),
  ...deviceRows(generation, devices),
});
