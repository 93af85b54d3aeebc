import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import type { DeviceSession } from "../../../simulators/device-state.ts";

export interface MessageChanges {
  /** 0 to 5, for LoRaWAN 1.0.0 to 1.1. */
  readonly macVersion: number;
  readonly nFCntDown: number;
  readonly aFCntDown?: number;
  readonly confFCnt?: number;
  readonly regionConfigId?: string;
  /** As ChirpStack up to 4.14 has it. */
  readonly fCntUp?: number;
  readonly joinEui?: string;
  readonly adrHistory?: readonly { readonly fCnt: number; readonly snrDb: number }[];
  readonly heardBy?: readonly string[];
  readonly kekLabel?: string;
  readonly appSKey?: string;
  readonly pending?: Readonly<Record<number, string>>;
}

const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "hex"));

/** ChirpStack's DeviceSession for the session that a device has. */
export function sessionMessage(session: DeviceSession, changes: MessageChanges): Uint8Array {
  const { parameters, version11 } = session;
  const writer = new BinaryWriter();
  const bytes = (field: number, value: Uint8Array) => writer.tag(field, WireType.LengthDelimited).bytes(value);
  const number = (field: number, value: number) => {
    if (value !== 0) writer.tag(field, WireType.Varint).uint32(value);
  };
  const nested = (field: number, fill: (inner: BinaryWriter) => void) => {
    const inner = new BinaryWriter();
    fill(inner);
    bytes(field, inner.finish());
  };
  bytes(2, hex(session.devAddr));
  if (changes.joinEui !== undefined) bytes(3, hex(changes.joinEui));
  number(4, changes.macVersion);
  bytes(5, hex(session.nwkSKey));
  bytes(6, hex(version11?.sNwkSIntKey ?? session.nwkSKey));
  bytes(7, hex(version11?.nwkSEncKey ?? session.nwkSKey));
  nested(8, inner => {
    if (changes.kekLabel !== undefined) inner.tag(1, WireType.LengthDelimited).string(changes.kekLabel);
    inner.tag(2, WireType.LengthDelimited).bytes(hex(changes.appSKey ?? session.appSKey));
  });
  number(9, changes.fCntUp ?? 0);
  number(10, changes.nFCntDown);
  number(11, changes.aFCntDown ?? 0);
  number(12, changes.confFCnt ?? 0);
  number(14, parameters.rx1DelaySeconds);
  number(15, parameters.rx1DrOffset);
  number(16, parameters.rx2DataRate);
  number(17, parameters.rx2FrequencyHz);
  const packed = new BinaryWriter();
  for (const index of parameters.enabledChannels) packed.uint32(index);
  bytes(18, packed.finish());
  parameters.channels.forEach((channel, index) => {
    if (channel === null || index < 3) return;
    nested(19, entry => {
      entry.tag(1, WireType.Varint).uint32(index);
      const value = new BinaryWriter();
      value.tag(1, WireType.Varint).uint32(channel.uplinkFrequencyHz);
      const rates = new BinaryWriter();
      for (let rate = channel.minDataRate; rate <= channel.maxDataRate; rate += 1) rates.uint32(rate);
      value.tag(4, WireType.LengthDelimited).bytes(rates.finish());
      entry.tag(2, WireType.LengthDelimited).bytes(value.finish());
    });
  });
  number(23, parameters.nbTrans);
  number(24, parameters.txPowerIndex);
  number(25, parameters.dataRate);
  for (const { fCnt, snrDb } of changes.adrHistory ?? []) {
    nested(30, inner => {
      inner.tag(1, WireType.Varint).uint32(fCnt);
      inner.tag(2, WireType.Bit32).float(snrDb);
      inner.tag(3, WireType.Varint).uint32(parameters.txPowerIndex);
      inner.tag(4, WireType.Varint).uint32(1);
    });
  }
  bytes(40, Buffer.from(changes.regionConfigId ?? "eu868"));
  for (const [cid, block] of Object.entries(changes.pending ?? {})) {
    nested(43, entry => {
      entry.tag(1, WireType.Varint).uint32(Number(cid));
      entry.tag(2, WireType.LengthDelimited).bytes(hex(block));
    });
  }
  if (changes.heardBy) {
    nested(44, history => {
      for (const gatewayId of changes.heardBy ?? []) {
        const item = new BinaryWriter();
        item.tag(1, WireType.LengthDelimited).bytes(hex(gatewayId));
        item.tag(2, WireType.Varint).int32(-60);
        item.tag(3, WireType.Bit32).float(8.5);
        history.tag(2, WireType.LengthDelimited).bytes(item.finish());
      }
    });
  }
  return writer.finish();
}
