/** How a column is kept, in words that both engines have one of. */
export type ColumnType = "uuid" | "text" | "bool" | "int" | "real" | "bytes" | "json" | "time" | "texts" | "ints";

export type Columns = Readonly<Record<string, ColumnType>>;

/**
 * Generations of ChirpStack's schema that differ in what a migration reads: 4.6 has sessions in Redis and settings of profiles
 * column by column, 4.11 sessions in the device's row with their counter inside, 4.19 has the counter in a column, profiles
 * without a tenant and members limited to applications.
 */
export type Generation = "4.6" | "4.11" | "4.19";

const since = (generation: Generation, first: Generation, columns: Columns): Columns =>
  Number(generation.slice(2)) >= Number(first.slice(2)) ? columns : {};

const times: Columns = { created_at: "time", updated_at: "time" };
const described: Columns = { name: "text", description: "text" };

/** Tables and columns by the names that ChirpStack gives them; what no migration reads is left out. */
export function chirpStackTables(generation: Generation): Readonly<Record<string, Columns>> {
  const recent = (columns: Columns) => since(generation, "4.19", columns);
  const later = (columns: Columns) => since(generation, "4.11", columns);
  return {
    user: {
      id: "uuid",
      external_id: "text",
      ...times,
      is_admin: "bool",
      is_active: "bool",
      email: "text",
      email_verified: "bool",
      password_hash: "text",
      note: "text",
    },
    tenant: {
      id: "uuid",
      ...times,
      ...described,
      can_have_gateways: "bool",
      max_device_count: "int",
      max_gateway_count: "int",
      private_gateways_up: "bool",
      private_gateways_down: "bool",
      ...later({ tags: "json" }),
      ...recent({ dev_addr_prefixes: "texts" }),
    },
    tenant_user: {
      tenant_id: "uuid",
      user_id: "uuid",
      ...times,
      is_admin: "bool",
      is_device_admin: "bool",
      is_gateway_admin: "bool",
    },
    ...(generation === "4.19" && {
      tenant_user_application: { user_id: "uuid", application_id: "uuid", created_at: "time", is_read_only: "bool" },
    }),
    gateway: {
      gateway_id: "bytes",
      tenant_id: "uuid",
      ...times,
      last_seen_at: "time",
      ...described,
      latitude: "real",
      longitude: "real",
      altitude: "real",
      stats_interval_secs: "int",
      tls_certificate: "bytes",
      tags: "json",
      properties: "json",
      ...recent({ downlink_priority: "int" }),
    },
    application: {
      id: "uuid",
      tenant_id: "uuid",
      ...times,
      ...described,
      mqtt_tls_cert: "bytes",
      ...later({ tags: "json" }),
    },
    application_integration: { application_id: "uuid", kind: "text", ...times, configuration: "json" },
    api_key: { id: "uuid", created_at: "time", name: "text", is_admin: "bool", tenant_id: "uuid" },
    device_profile: profileColumns(generation),
    device: {
      dev_eui: "bytes",
      application_id: "uuid",
      device_profile_id: "uuid",
      ...times,
      last_seen_at: "time",
      ...described,
      external_power_source: "bool",
      battery_level: "real",
      latitude: "real",
      longitude: "real",
      altitude: "real",
      dev_addr: "bytes",
      enabled_class: "text",
      skip_fcnt_check: "bool",
      is_disabled: "bool",
      tags: "json",
      variables: "json",
      join_eui: "bytes",
      ...later({ secondary_dev_addr: "bytes", device_session: "bytes" }),
      ...recent({ app_layer_params: "json", f_cnt_up: "int" }),
    },
    device_keys: {
      dev_eui: "bytes",
      ...times,
      nwk_key: "bytes",
      app_key: "bytes",
      dev_nonces: generation === "4.19" ? "json" : "ints",
      join_nonce: "int",
      ...recent({ gen_app_key: "bytes" }),
    },
    device_queue_item: {
      id: "uuid",
      dev_eui: "bytes",
      created_at: "time",
      f_port: "int",
      confirmed: "bool",
      data: "bytes",
      is_pending: "bool",
      f_cnt_down: "int",
      timeout_after: "time",
      ...later({ is_encrypted: "bool" }),
      ...recent({ expires_at: "time" }),
    },
    multicast_group: { id: "uuid", application_id: "uuid", ...times, name: "text", region: "text", mc_addr: "bytes" },
  };
}

function profileColumns(generation: Generation): Columns {
  const settings: Columns =
    generation === "4.19"
      ? { rx1_delay: "int", abp_params: "json", class_b_params: "json", class_c_params: "json", relay_params: "json" }
      : {
          class_b_timeout: "int",
          class_b_ping_slot_nb_k: "int",
          class_b_ping_slot_dr: "int",
          class_b_ping_slot_freq: "int",
          class_c_timeout: "int",
          abp_rx1_delay: "int",
          abp_rx1_dr_offset: "int",
          abp_rx2_dr: "int",
          abp_rx2_freq: "int",
          is_relay: "bool",
          is_relay_ed: "bool",
        };
  return {
    id: "uuid",
    tenant_id: "uuid",
    ...times,
    ...described,
    region: "text",
    mac_version: "text",
    reg_params_revision: "text",
    adr_algorithm_id: "text",
    payload_codec_runtime: "text",
    payload_codec_script: "text",
    flush_queue_on_activate: "bool",
    uplink_interval: "int",
    device_status_req_interval: "int",
    supports_otaa: "bool",
    supports_class_b: "bool",
    supports_class_c: "bool",
    tags: "json",
    measurements: "json",
    auto_detect_measurements: "bool",
    region_config_id: "text",
    ...settings,
    ...since(generation, "4.19", { app_layer_params: "json", supported_uplink_data_rates: "ints" }),
  };
}
