/** What does not go over as it is, and what to do about it. */
export const noteTexts = {
  "api-keys": {
    what: "API keys: the other server signs its keys, and this one knows its own by their hash",
    advice: "make new ones with `upchirp api-key create` and give them to the programs that need them",
  },
  integrations: {
    what: "integrations",
    advice: "set them up here again; MQTT topics and events keep their form and the ids in them",
  },
  "mqtt-certificates": {
    what: "client certificates of applications and gateways",
    advice: "make an MQTT login for each application with `upchirp application mqtt-user`",
  },
  "multicast-groups": {
    what: "multicast groups",
    advice: "this version has no multicast; devices of a group go on alone",
  },
  "relay-settings": {
    what: "relays and the devices behind them",
    advice: "this version has no relays; a device that is out of reach of gateways stays silent",
  },
  "class-b": {
    what: "devices in class B",
    advice: "their downlinks wait for the next uplink of each; from then on they go in ping slots again",
  },
  "firmware-updates": {
    what: "firmware updates (FUOTA) under way",
    advice: "let them end on the other server first",
  },
  measurements: {
    what: "profiles with measurements, the charts of device values",
    advice: "take values from events",
  },
  "application-layer": {
    what: "profiles with application-layer packages (clock synchronisation and others)",
    advice: "this version leaves these ports to the application",
  },
  "adr-plugin": {
    what: "profiles with an ADR algorithm of their own: carried with the default one",
    advice:
      "the script of a ChirpStack plugin can be put into the profile: `upchirp profile update --adr-algorithm script`",
  },
  "tenant-limits": {
    what: "tenants with limits for devices or gateways, or with DevAddr prefixes of their own",
    advice: "this version has no such limits",
  },
  "private-gateways": {
    what: "tenants whose gateways are private",
    advice: "here each gateway serves every tenant's devices",
  },
  "gateway-priority": {
    what: "gateways with a downlink priority",
    advice: "the best gateway is taken by signal",
  },
  "device-locations": {
    what: "devices with a location",
    advice: "put it into tags where it matters",
  },
  "external-users": {
    what: "users of an identity provider",
    advice: "configure the provider here with `linkByEmail`, and they are recognised by their email",
  },
  "first-passwords": {
    what: "users whose password is the one that everybody knows: carried without a password",
    advice: "give them one with `upchirp user update --password`",
  },
  "unknown-passwords": {
    what: "users whose password is stored in a form that is not known here: carried without a password",
    advice: "give them one with `upchirp user update --password`",
  },
  "two-roles": {
    what: "users who managed devices and gateways: carried as device managers",
    advice: "make them `admin` of the tenant if they are to manage gateways too",
  },
  "sessions-elsewhere": {
    what: "devices without a session in the database",
    advice:
      "ChirpStack before 4.7 keeps sessions in Redis: name it with --from-redis, or these devices have to join again",
  },
  "wrapped-keys": {
    what: "sessions whose AppSKey is under a key that is not known here: carried, payloads stay encrypted",
    advice: "give the key with --kek LABEL=HEX, or configure it as `networkServer.joinServer.kek`",
  },
  "no-root-keys": {
    what: "devices that join and whose root keys are not there",
    advice:
      "their Join Server keeps them: configure it, or set the keys with `upchirp device set-keys` before they join again",
  },
  "zero-keys": {
    what: "devices whose root key is all zeros",
    advice: "give them a real one",
  },
  "unsorted-dev-nonces": {
    what: "devices of LoRaWAN 1.0.4 or 1.1 whose DevNonces did not rise",
    advice: "if such a device is refused when it joins, give it a profile of version 1.0.3",
  },
  "unknown-join-eui": {
    what: "devices with used DevNonces and no JoinEUI that they belong to",
    advice: "set the JoinEUI there, or see that old Join-Requests are not replayed before their next join",
  },
  "region-configurations": {
    what: "sessions under a configuration of their region that is not in this server's",
    advice: "put the blocks below into the configuration file and migrate again before the devices are switched over",
  },
  "old-channel-plan": {
    what: "profiles of CN470, whose plan here is that of the older regional parameters",
    advice: "nothing, as long as the devices have it; else correct the profile",
  },
  "other-session": {
    what: "devices that have a newer session here: it stays",
    advice: "nothing; they joined here, or were heard here later",
  },
  "sealed-downlinks": {
    what: "devices whose waiting downlinks are under a key that is not known here",
    advice: "let the application send them again",
  },
  "wrapped-root-keys": {
    what: "devices whose root keys are under a key that is not known here: carried without, they cannot join again",
    advice: "give the key with --kek LABEL=HEX and migrate again, or type the keys in",
  },
  "adr-static": {
    what: "devices whose data rate was set by hand",
    advice: "their profile leaves ADR off; they keep the data rate that they have",
  },
  "application-formatters": {
    what: "devices that use their application's payload formatter, which is not in the export",
    advice: "put it into the codec of their device profile",
  },
  "repository-formatters": {
    what: "devices that use the formatter of the device repository or a gRPC service",
    advice: "put the manufacturer's script into the codec of their device profile",
  },
  "counters-16-bits": {
    what: "devices that count with 16 bits",
    advice: "this version counts with 32 bits, which agrees until the counter comes to 65535",
  },
  "gateways-without-eui": {
    what: "gateways without an EUI",
    advice: "add them here with the EUI that they send",
  },
  "other-root-keys": {
    what: "devices that have other root keys here: these stay",
    advice: "if the other server's are right, set them with `upchirp device set-keys`",
  },
} as const satisfies Record<string, { readonly what: string; readonly advice: string }>;

export type NoteTopic = keyof typeof noteTexts;
