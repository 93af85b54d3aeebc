import Type, { type TSchema } from "typebox";
import Value from "typebox/value";
import type { RegionConfigRules, RegionSettings } from "../app-server/region-config-ports.ts";
import { regionNames } from "../lorawan/region/region.ts";
import { type RegionConfig, regionConfigSchema } from "../network-server/config.ts";
import { regionConfigFaults } from "../network-server/region-check.ts";
import { defaultRegionConfig } from "../network-server/region-config.ts";

/** Nothing of it is filled in: what is left out is as the region has it, and whatever that is later on. */
const withoutDefault = ({ default: _default, ...schema }: TSchema & { readonly default?: unknown }): TSchema => schema;

const { id: _id, region: _region, ...members } = regionConfigSchema.properties;
const settings = Type.Object(
  Object.fromEntries(Object.entries(members).map(([name, schema]) => [name, Type.Optional(withoutDefault(schema))])),
  { additionalProperties: false },
);

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
