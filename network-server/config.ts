import Type, { type Static } from "typebox";
import { type RegionName, regionNames } from "../lorawan/region/region.ts";

const extraChannel = Type.Object({
  frequencyHz: Type.Integer({ minimum: 100_000_000, maximum: 2_600_000_000, description: "Centre frequency in Hz." }),
  downlinkFrequencyHz: Type.Optional(
    Type.Integer({
      minimum: 100_000_000,
      maximum: 2_600_000_000,
      description: "RX1 frequency of this channel in Hz; the uplink's when absent.",
    }),
  ),
  minDataRate: Type.Integer({ minimum: 0, maximum: 15, default: 0 }),
  maxDataRate: Type.Integer({ minimum: 0, maximum: 15, default: 5 }),
  fastDataRates: Type.Optional(
    Type.Boolean({ description: "SF6 and SF5 too, on devices of RP002-1.0.5; needs maxDataRate 5." }),
  ),
});

export const regionConfigSchema = Type.Object({
  id: Type.String({ minLength: 1, description: "Name that device profiles and events use, for example eu868." }),
  region: Type.Unsafe<RegionName>(
    Type.Union(
      regionNames.map(name => Type.Literal(name)),
      { description: "Region of the regional parameters." },
    ),
  ),
  rx1DelaySeconds: Type.Integer({
    minimum: 1,
    maximum: 15,
    default: 1,
    description: "RECEIVE_DELAY1 of joined devices.",
  }),
  rx1DrOffset: Type.Integer({ minimum: 0, maximum: 7, default: 0, description: "RX1DROffset of joined devices." }),
  rx2DataRate: Type.Optional(
    Type.Integer({ minimum: 0, maximum: 15, description: "RX2 data rate; the region's own when absent." }),
  ),
  rx2FrequencyHz: Type.Optional(
    Type.Integer({ minimum: 1, description: "RX2 frequency in Hz; the region's own when absent." }),
  ),
  extraChannels: Type.Array(extraChannel, {
    default: [],
    description: "Channels beside the default ones, as the gateways listen to them (dynamic plans).",
  }),
  maxDutyCycleExponent: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: 15,
      description: "Devices keep all their airtime under 1 / 2^n (DutyCycleReq); left as it is when absent.",
    }),
  ),
  uplinkDwellTime: Type.Optional(
    Type.Boolean({
      description: "400 ms limit for uplinks (TxParamSetupReq: AS923, AU915); left as it is when absent.",
    }),
  ),
  downlinkDwellTime: Type.Optional(
    Type.Boolean({ description: "400 ms limit for downlinks (TxParamSetupReq); left as it is when absent." }),
  ),
  maxEirpDbm: Type.Optional(
    Type.Number({
      minimum: 8,
      maximum: 36,
      description: "Highest EIRP of devices in dBm (TxParamSetupReq); the region's own when absent.",
    }),
  ),
  pingSlotFrequencyHz: Type.Optional(
    Type.Integer({
      minimum: 0,
      description:
        "Frequency of class B ping slots in Hz (PingSlotChannelReq), 0 for the region's own; left as it is when absent.",
    }),
  ),
  pingSlotDataRate: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: 15,
      description: "Data rate of class B ping slots (PingSlotChannelReq); left as it is when absent.",
    }),
  ),
  beaconFrequencyHz: Type.Optional(
    Type.Integer({
      minimum: 0,
      description:
        "Frequency of the class B beacon in Hz (BeaconFreqReq), 0 for the region's own; left as it is when absent.",
    }),
  ),
  rejoinMaxTimeExponent: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: 15,
      description: "LoRaWAN 1.1 devices rejoin at least every 2^(n+10) s (RejoinParamSetupReq); needs the count too.",
    }),
  ),
  rejoinMaxCountExponent: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: 15,
      description:
        "LoRaWAN 1.1 devices rejoin at least every 2^(n+4) uplinks (RejoinParamSetupReq); needs the time too.",
    }),
  ),
  adrMinDataRate: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: 15,
      description: "Slowest data rate that ADR asks for, where the profile names none; the slowest in use when absent.",
    }),
  ),
  adrMaxDataRate: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: 15,
      description: "Fastest data rate that ADR asks for, where the profile names none; the fastest in use when absent.",
    }),
  ),
  adrFastDataRates: Type.Optional(
    Type.Boolean({
      default: false,
      description:
        "ADR goes on from SF7 to SF6 and SF5 on devices of RP002-1.0.5 whose channels carry them. Only where every gateway hears them (SX1302 and later), and their channels are set up for it.",
    }),
  ),
  adrAckLimitExponent: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: 15,
      description: "ADR_ACK_LIMIT of LoRaWAN 1.1 devices is 2^n uplinks (ADRParamSetupReq); 64 when absent.",
    }),
  ),
  adrAckDelayExponent: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: 15,
      description: "ADR_ACK_DELAY of LoRaWAN 1.1 devices is 2^n uplinks (ADRParamSetupReq); 32 when absent.",
    }),
  ),
  subBand: Type.Integer({
    minimum: 0,
    maximum: 12,
    default: 0,
    description: "Sub-band of a fixed plan, from 1; 0 takes the one that the device joins in.",
  }),
  preferredWindow: Type.Optional(
    Type.Union([Type.Literal("rx1"), Type.Literal("rx2"), Type.Literal("best")], {
      default: "rx1",
      description: "Receive window tried first; best takes RX2 where RX1 is weak and RX2's link budget is better.",
    }),
  ),
  installationMarginDb: Type.Number({
    minimum: 0,
    maximum: 40,
    default: 10,
    description: "Link margin that ADR leaves unspent.",
  }),
});

export const networkServerConfigSchema = Type.Object({
  netId: Type.String({
    pattern: "^[0-9a-fA-F]{6}$",
    default: "000000",
    description: "NetID; 000000 and 000001 are free for private networks.",
  }),
  udp: Type.Object(
    {
      bind: Type.String({ default: "0.0.0.0", description: "Address that gateways send Semtech UDP to." }),
      port: Type.Integer({ minimum: 0, maximum: 65535, default: 1700, description: "UDP port of Semtech UDP." }),
    },
    { default: {} },
  ),
  deduplicationWindowMs: Type.Integer({
    minimum: 0,
    maximum: 2000,
    default: 200,
    description: "Longest time that copies of a frame are waited for.",
  }),
  enforceDutyCycle: Type.Optional(
    Type.Boolean({
      default: true,
      description: "Keep gateways within the duty cycle of each sub-band; false where the gateways mind it themselves.",
    }),
  ),
  joinServer: Type.Optional(
    Type.Object({
      url: Type.String({ pattern: "^https?://", description: "TS002 address of a Join Server in another process." }),
      token: Type.Optional(
        Type.String({ minLength: 16, secret: true, description: "Bearer token that it knows this server by." }),
      ),
      certificateFile: Type.Optional(
        Type.String({ description: "PEM file with the TLS client certificate that it knows this server by." }),
      ),
      keyFile: Type.Optional(Type.String({ description: "PEM file with the private key of that certificate." })),
      caFile: Type.Optional(
        Type.String({ description: "PEM file with the authorities that the Join Server's certificate is of." }),
      ),
      kekLabel: Type.Optional(Type.String({ description: "Label of the key-encryption key shared with it." })),
      kek: Type.Optional(
        Type.String({
          pattern: "^([0-9a-fA-F]{32}|[0-9a-fA-F]{64})$",
          secret: true,
          description: "That key, 16 or 32 bytes in hex, which session keys come wrapped under.",
        }),
      ),
      protocolVersion: Type.Union([Type.Literal("1.0"), Type.Literal("1.1")], {
        default: "1.1",
        description: "Version of LoRaWAN Backend Interfaces that it is asked in.",
      }),
    }),
  ),
  deviceCacheSize: Type.Integer({
    minimum: 1000,
    default: 200_000,
    description: "Device records kept in memory.",
  }),
  sessionCacheSize: Type.Integer({
    minimum: 1,
    default: 50_000,
    description: "Devices whose sessions are kept in memory, about 3 KB each; others are read from the state store.",
  }),
  regions: Type.Array(regionConfigSchema, {
    default: [],
    description: "Configurations of regions; each region without one has a sensible default.",
  }),
});

export type NetworkServerConfig = Static<typeof networkServerConfigSchema>;
export type RegionConfig = Readonly<Static<typeof regionConfigSchema>>;
