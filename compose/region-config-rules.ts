import Type from "typebox";
import Value from "typebox/value";
import type { RegionConfigRules, RegionSettings } from "../app-server/region-config-ports.ts";
import { regionNames } from "../lorawan/region/region.ts";
import { type RegionConfig, regionConfigSchema } from "../network-server/config.ts";
import { regionConfigFaults } from "../network-server/region-check.ts";
import { defaultRegionConfig } from "../network-server/region-config.ts";

const settings = Type.Partial(Type.Omit(regionConfigSchema, ["id", "region"]), { additionalProperties: false });

/** Configurations of regions as the API knows them: one schema and one check for those of the file and those made there. */
export const regionConfigRules = (ofFile: readonly RegionConfig[]): RegionConfigRules => ({
  settings,
  fixed: [
    ...ofFile.map(config => fixed(config, "file")),
    ...regionNames
      .filter(name => !ofFile.some(({ region }) => region === name))
      .map(name => fixed(defaultRegionConfig(name), "built-in")),
  ],
  faults(config) {
    const whole = Value.Default(regionConfigSchema, { ...config.settings, id: config.id, region: config.region });
    return Value.Check(regionConfigSchema, whole) ? regionConfigFaults(whole) : [];
  },
});

function fixed<Source extends string>({ id, region, ...rest }: RegionConfig, source: Source) {
  const given: RegionSettings = rest;
  return { id, region, settings: given, source };
}
