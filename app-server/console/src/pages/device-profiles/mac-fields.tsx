import { Select } from "@mantine/core";
import type { ReactNode } from "react";
import type { Schemas } from "../../../../../client/client.ts";
import { OptionalFrequency, OptionalNumber } from "../../parts/form-numbers.tsx";

export type Mac = Schemas["Device"]["mac"];

export interface MacFieldsProps {
  readonly value?: Mac;
  readonly onChange: (mac: Mac) => void;
  readonly error?: ReactNode;
  readonly faultOf?: (name: keyof Mac) => ReactNode;
  /** What holds where nothing is said: `the profile's`. */
  readonly otherwise: string;
}

type NumberName = Exclude<keyof Mac, "uplinkDwellTime" | "downlinkDwellTime">;
interface NumberField {
  readonly name: NumberName;
  readonly label: string;
  readonly about: string;
  readonly min?: number;
  readonly max?: number;
  readonly isFrequency?: boolean;
}

const numberFields: readonly NumberField[] = [
  {
    name: "rx1DelaySeconds",
    label: "RX1 delay, seconds",
    about: "From the end of an uplink to the first window. Longer where gateways answer slowly, as over satellite.",
    min: 1,
    max: 15,
  },
  {
    name: "rx1DrOffset",
    label: "RX1 data-rate offset",
    about: "How much slower RX1 is than the uplink. 0 is as fast; more reaches farther and takes longer.",
    min: 0,
    max: 7,
  },
  {
    name: "rx2DataRate",
    label: "RX2 data rate",
    about: "Data rate of the second window, as a number of the region's table.",
    min: 0,
    max: 15,
  },
  { name: "rx2FrequencyHz", label: "RX2 frequency", about: "Frequency of the second window.", isFrequency: true },
  {
    name: "maxDutyCycleExponent",
    label: "Duty cycle 1 / 2ⁿ",
    about: "The device keeps all its airtime under this share (DutyCycleReq). 0 takes the limit away.",
    min: 0,
    max: 15,
  },
  {
    name: "maxEirpDbm",
    label: "Highest EIRP, dBm",
    about: "Most power that the device may radiate (TxParamSetupReq), where the region has that command.",
    min: 8,
    max: 36,
  },
  {
    name: "pingSlotDataRate",
    label: "Ping-slot data rate",
    about: "Class B: data rate of ping slots (PingSlotChannelReq).",
    min: 0,
    max: 15,
  },
  {
    name: "pingSlotFrequencyHz",
    label: "Ping-slot frequency",
    about: "Class B: frequency of ping slots; 0 is the region's own.",
    isFrequency: true,
  },
  {
    name: "beaconFrequencyHz",
    label: "Beacon frequency",
    about: "Class B: frequency of the beacon (BeaconFreqReq); 0 is the region's own.",
    isFrequency: true,
  },
];

const dwellFields = [
  {
    name: "uplinkDwellTime",
    label: "Uplink dwell time",
    about: "Limit of 400 ms for each uplink (TxParamSetupReq), asked for in parts of AS923 and AU915.",
  },
  {
    name: "downlinkDwellTime",
    label: "Downlink dwell time",
    about: "The same for downlinks.",
  },
] as const;

const dwellOptions = [
  { value: "true", label: "400 ms" },
  { value: "false", label: "no limit" },
];

/** MAC parameters that are asked of a device in place of what its region's configuration says. */
export function MacFields({ value = {}, onChange, error, faultOf, otherwise }: MacFieldsProps) {
  const change = (name: keyof Mac, next: number | boolean | undefined): void => {
    const { [name]: _before, ...others } = value;
    onChange(next === undefined ? others : { ...others, [name]: next });
  };
  return (
    <>
      {numberFields.map(({ name, label, about, isFrequency = false, ...limits }) => {
        const Input = isFrequency ? OptionalFrequency : OptionalNumber;
        return (
          <Input
            key={name}
            label={label}
            description={about}
            placeholder={otherwise}
            {...limits}
            value={value[name]}
            onChange={next => change(name, next)}
            error={faultOf?.(name) ?? (name === "rx2FrequencyHz" ? error : undefined)}
          />
        );
      })}
      {dwellFields.map(({ name, label, about }) => (
        <Select
          key={name}
          label={label}
          description={about}
          placeholder={otherwise}
          clearable
          data={dwellOptions}
          value={value[name]?.toString() ?? null}
          error={faultOf?.(name)}
          onChange={text => change(name, text === null ? undefined : text === "true")}
        />
      ))}
    </>
  );
}
