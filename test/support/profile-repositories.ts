import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

export const profileScript = "function decodeUplink(input) { return { data: { level: input.bytes[0] } }; }\n";

/** Written for this test in the format of the device repository of The Things Network. */
const ttn: Readonly<Record<string, string>> = {
  "ttn/vendor/index.yaml": `
vendors:
  - id: tanks
    name: Tanks & Co
    vendorID: 676
  - id: modules
    name: Modules
  - id: broken
    name: Broken
  - id: listed-only
    name: Nothing yet
  - id: example
    name: Example
`,
  "ttn/vendor/tanks/index.yaml": `
endDevices: [level, valve, lost]
profileIDs:
  '3':
    endDeviceID: level
    firmwareVersion: '1.0'
    hardwareVersion: '1.0'
    region: EU863-870
`,
  "ttn/vendor/tanks/level.yaml": `
name: Level
description: Says how full a tank is.
firmwareVersions:
  - version: '1.0'
    profiles:
      EU863-870: { id: own-eu, codec: level-codec, lorawanCertified: true }
      AS923: { id: module-as, vendorID: modules, codec: no-codec }
      MARS: { id: own-eu }
  - version: 1.1
    profiles:
      EU863-870: { id: '../../../etc/passwd' }
`,
  "ttn/vendor/tanks/valve.yaml": `
name: Valve
firmwareVersions:
  - version: '2'
    profiles:
      US902-928: { id: abp-us }
`,
  "ttn/vendor/tanks/own-eu.yaml": `
macVersion: 1.0.3
regionalParametersVersion: RP001-1.0.3-RevA
supportsJoin: true
maxEIRP: 16
supports32bitFCnt: true
supportsClassB: true
classBTimeout: 60
pingSlotPeriod: 128
pingSlotDataRateIndex: 3
pingSlotFrequency: 869.525
supportsClassC: true
classCTimeout: 45
`,
  "ttn/vendor/tanks/abp-us.yaml": `
macVersion: '1.0'
regionalParametersVersion: TS001-1.0
supportsJoin: false
rx1Delay: 5
rx1DataRateOffset: 1
rx2DataRateIndex: 8
rx2Frequency: 923.3
factoryPresetFrequencies: [902.3]
supports32bitFCnt: false
`,
  "ttn/vendor/modules/index.yaml": "endDevices: []\n",
  "ttn/vendor/modules/module-as.yaml": `
macVersion: '1.1'
regionalParametersVersion: RP001-1.1-RevB
supportsJoin: true
maxEIRP: 14
`,
  "ttn/vendor/tanks/level-codec.yaml":
    "uplinkDecoder: { fileName: level.js }\ndownlinkEncoder: { fileName: level.js }\n",
  "ttn/vendor/tanks/level.js": profileScript,
  "ttn/vendor/broken/index.yaml": "endDevices: {not: [a, list\n",
};

/** Written for this test in the format of ChirpStack's device profiles. */
const chirpStack: Readonly<Record<string, string>> = {
  "chirpstack/vendors/pumps/vendor.toml": `
[vendor]
id = "00000000-0000-4000-8000-000000000001"
name = "Pumps"
vendor_id = 77
ouis = []
devices = ["pump.toml", "gone.toml"]
`,
  // Vendors need not list their devices.
  "chirpstack/vendors/fans/vendor.toml": '[vendor]\nname = "Fans"\nvendor_id = 0\n',
  "chirpstack/vendors/fans/devices/fan.toml":
    '[device]\nname = "Fan"\n[[device.firmware]]\nversion = "1"\nprofiles = ["EU868.toml"]\n',
  "chirpstack/vendors/fans/profiles/EU868.toml": profileToml('"EU868"', '"1.0.1"', '"A"', "true", 0),
  "chirpstack/vendors/pumps/devices/pump.toml": `
[device]
name = "Pump"
description = "Moves water."
[[device.firmware]]
version = "1"
profiles = ["EU868.toml", "AU915.toml", "odd.toml"]
codec = "pump.js"
`,
  "chirpstack/vendors/pumps/profiles/EU868.toml": profileToml('"EU868"', '"1.0.2"', '"B"', "true", 5),
  "chirpstack/vendors/pumps/profiles/AU915.toml": profileToml('"AU915"', '"1.0.4"', '"RP002-1.0.3"', "false", 0),
  "chirpstack/vendors/pumps/profiles/odd.toml": profileToml('"EU868"', '"3.0.0"', '"A"', "true", 0),
  "chirpstack/vendors/pumps/codecs/pump.js": profileScript,
  "chirpstack/vendors/example-vendor/vendor.toml": "[vendor]\n",
};

function profileToml(region: string, version: string, revision: string, otaa: string, vendorProfileId: number): string {
  return `
[profile]
vendor_profile_id = ${vendorProfileId}
region = ${region}
mac_version = ${version}
reg_params_revision = ${revision}
supports_otaa = ${otaa}
supports_class_b = false
supports_class_c = true
max_eirp = 20
[profile.abp]
rx1_delay = 0
rx1_dr_offset = 2
rx2_dr = 8
rx2_freq = 923300000
[profile.class_b]
timeout_secs = 0
[profile.class_c]
timeout_secs = 120
`;
}

/** Two checkouts, in the folders `ttn` and `chirpstack`, with some faults in them. */
export async function writeProfileRepositories(folder: string): Promise<void> {
  for (const [path, text] of Object.entries({ ...ttn, ...chirpStack })) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
}
