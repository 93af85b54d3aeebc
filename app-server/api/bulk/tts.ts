import type { Vocabulary } from "./cells.ts";

/**
 * Devices as The Things Stack exports them: its JSON is the message EndDevice, its CSV one column for each of these members.
 * What has no counterpart here is passed over.
 */
const columns: Readonly<Record<string, string>> = {
  id: "ids.device_id",
  dev_eui: "ids.dev_eui",
  join_eui: "ids.join_eui",
  app_eui: "ids.join_eui",
  name: "name",
  description: "description",
  lorawan_version: "lorawan_version",
  brand_id: "version_ids.brand_id",
  model_id: "version_ids.model_id",
  firmware_version: "version_ids.firmware_version",
  band_id: "version_ids.band_id",
  app_key: "root_keys.app_key.key",
  nwk_key: "root_keys.nwk_key.key",
  resets_f_cnt: "mac_settings.resets_f_cnt",
  dev_addr: "session.dev_addr",
  app_s_key: "session.keys.app_s_key.key",
  nwk_s_key: "session.keys.f_nwk_s_int_key.key",
  f_nwk_s_int_key: "session.keys.f_nwk_s_int_key.key",
  s_nwk_s_int_key: "session.keys.s_nwk_s_int_key.key",
  nwk_s_enc_key: "session.keys.nwk_s_enc_key.key",
  last_f_cnt_up: "session.last_f_cnt_up",
  last_n_f_cnt_down: "session.last_n_f_cnt_down",
  last_a_f_cnt_down: "session.last_a_f_cnt_down",
};

export const csvOfTts: Vocabulary = {
  columns: new Map(
    Object.entries(columns).map(([name, path]) => [name.replaceAll("_", ""), { path: [path], type: "text" }]),
  ),
  maps: ["attributes"],
};

type Members = Readonly<Record<string, unknown>>;

export const isTtsObject = (value: unknown): value is Members =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** A member by its path with dots, wherever the record has it: a CSV row has the whole path as one name. */
function memberOf(record: Members, path: string): unknown {
  if (Object.hasOwn(record, path)) return record[path];
  return path.split(".").reduce<unknown>((value, name) => (isTtsObject(value) ? value[name] : undefined), record);
}

/** Without the members that there is nothing for. */
function present(members: Members): Members | undefined {
  const given = Object.entries(members).filter(([, value]) => value !== undefined && value !== "");
  return given.length === 0 ? undefined : Object.fromEntries(given);
}

/** The Things Stack keeps the last counter, and this server the next; 0 stands for none too. */
function nextCounter(last: unknown): unknown {
  const text = typeof last === "string" || typeof last === "number" ? String(last) : "";
  if (!/^\d{1,10}$/.test(text)) return last;
  return Number(text) === 0 ? 0 : Number(text) + 1;
}

/** The id under which the device's profile of the device repository is imported; `EU_863_870` is `EU863-870` there. */
function profileSourceOf(get: (path: string) => unknown): string | undefined {
  const ids = ["brand_id", "model_id", "firmware_version", "band_id"].map(name => get(`version_ids.${name}`));
  const [brand, model, firmware, band] = ids.map(id => (typeof id === "string" && id !== "" ? id : undefined));
  if (brand === undefined || model === undefined || firmware === undefined || band === undefined) return undefined;
  const region = band
    .replace(/^([A-Z]+)_(\d+)_(\d+)$/, "$1$2-$3")
    .replace(/^([A-Z]+)_(\d+)/, "$1$2")
    .replaceAll("_", "-");
  return `ttn:${brand}/${model}/${firmware}/${region}`;
}

/** As a device of an import of ours. */
export function fromTts(record: Members): Members {
  const get = (path: string) => memberOf(record, path);
  const devEui = get("ids.dev_eui");
  const is11 = /1[._]1/.test(String(get("lorawan_version") ?? ""));
  const keys = present({
    appKey: get("root_keys.app_key.key"),
    // Up to LoRaWAN 1.0.4 there is one root key.
    nwkKey: is11 ? get("root_keys.nwk_key.key") : undefined,
  });
  const fNwkSIntKey = get("session.keys.f_nwk_s_int_key.key");
  const networkKeys = is11
    ? {
        fNwkSIntKey,
        sNwkSIntKey: get("session.keys.s_nwk_s_int_key.key"),
        nwkSEncKey: get("session.keys.nwk_s_enc_key.key"),
      }
    : { nwkSKey: fNwkSIntKey };
  const hasSession = get("session.dev_addr") !== undefined && get("session.keys.app_s_key.key") !== undefined;
  const activation = hasSession
    ? present({
        devAddr: get("session.dev_addr"),
        appSKey: get("session.keys.app_s_key.key"),
        ...networkKeys,
        fCntUp: nextCounter(get("session.last_f_cnt_up")),
        nFCntDown: nextCounter(get("session.last_n_f_cnt_down")),
        aFCntDown: is11 ? nextCounter(get("session.last_a_f_cnt_down")) : undefined,
      })
    : undefined;
  const resetsFCnt = get("mac_settings.resets_f_cnt");
  return (
    present({
      devEui,
      joinEui: get("ids.join_eui"),
      name: get("name") || get("ids.device_id") || devEui,
      description: get("description"),
      tags: get("attributes"),
      profileSource: profileSourceOf(get),
      resetsFCnt: resetsFCnt === undefined ? undefined : resetsFCnt === true || resetsFCnt === "true",
      keys,
      activation,
    }) ?? {}
  );
}
