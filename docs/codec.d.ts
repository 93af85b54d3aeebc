// Types of what codecs are called with and answer. `import type { ... } from "./codec.d.ts"` in a script in TypeScript, or
// `/** @type {import("./codec.d.ts").DecodeUplink} */` above a function in JavaScript.

export interface UplinkInput {
  /** 0 to 255 each. */
  readonly bytes: number[];
  readonly fPort: number;
  readonly recvTime: Date;
  /** Of the device; may be secret. */
  readonly variables: Readonly<Record<string, string>>;
  /** Of tenant, profile, application and device. */
  readonly tags: Readonly<Record<string, string>>;
}

export interface Decoded<Data extends object = Record<string, unknown>> {
  data?: Data;
  warnings?: string[];
  /** With any of these the decode has failed. */
  errors?: string[];
}

export interface DownlinkInput<Data extends object = Record<string, unknown>> {
  readonly data: Data;
  readonly fPort: number;
  readonly variables: Readonly<Record<string, string>>;
  readonly tags: Readonly<Record<string, string>>;
}

export interface Encoded {
  /** Whole numbers from 0 to 255. */
  bytes?: number[];
  /** The command's, unless given. */
  fPort?: number;
  warnings?: string[];
  errors?: string[];
}

/** Of a device's twin. */
export interface DesiredInput<Data extends object = Record<string, unknown>> {
  readonly desired: Data;
  readonly reported: Partial<Data>;
  /** What of `desired` the device has not reported. */
  readonly delta: Partial<Data>;
  readonly fPort: number;
  readonly variables: Readonly<Record<string, string>>;
  readonly tags: Readonly<Record<string, string>>;
}

export interface NormalizeInput<Data extends object = Record<string, unknown>> {
  readonly data: Data;
  readonly fPort: number;
}

export interface Normalized {
  data?: Measurement | Measurement[];
  warnings?: string[];
  errors?: string[];
}

/** docs/codecs.md has units and ranges. */
export interface Measurement {
  time?: string;
  battery?: number;
  air?: {
    location?: "indoor" | "outdoor";
    temperature?: number;
    relativeHumidity?: number;
    pressure?: number;
    co2?: number;
    lightIntensity?: number;
  };
  soil?: {
    depth?: number;
    moisture?: number;
    temperature?: number;
    ec?: number;
    pH?: number;
    n?: number;
    p?: number;
    k?: number;
  };
  wind?: { speed?: number; direction?: number };
  water?: { leak?: boolean; temperature?: { min?: number; max?: number; avg?: number; current?: number } };
  metering?: { water?: { total?: number } };
  action?: { motion?: { detected?: boolean; count?: number }; contactState?: "open" | "closed" };
  position?: { latitude?: number; longitude?: number };
}

export type DecodeUplink = (input: UplinkInput) => Decoded;
export type NormalizeUplink = (input: NormalizeInput) => Normalized;
export type EncodeDownlink = (input: DownlinkInput) => Encoded;
export type DecodeDownlink = (input: UplinkInput) => Decoded;
