import { isDeepStrictEqual } from "node:util";
import type { NewDeviceProfile } from "../catalog-ports.ts";
import type { CodecSettings } from "../codec-ports.ts";
import type { CodecBench, DeviceCodec } from "../ports.ts";
import { FailedCases, Refusal } from "./refusal.ts";

type OwnCodec = CodecSettings & Pick<NewDeviceProfile, "tenantId">;

export const codecOf = ({ codec, codecScript }: Pick<CodecSettings, "codec" | "codecScript">): DeviceCodec =>
  codec === "javascript" || codec === "typescript" ? { kind: codec, script: codecScript } : { kind: codec };

/** Throws Refusal for a script that does not load, and FailedCases when a case does not come out as it has to. */
export async function checkCodec(bench: CodecBench, settings: OwnCodec): Promise<void> {
  const codec = codecOf(settings);
  if (codec.kind === "none") return;
  const broken = await bench.check(codec, settings.tenantId);
  if (broken !== undefined) throw new Refusal("codec_does_not_load", sentence(broken.message), "/body/codecScript");
  const failed = await bench.runCases(codec, settings.codecCases, settings.tenantId);
  if (failed.length > 0) throw new FailedCases(settings.codecCases.length, failed);
}

/** Whether a change has to do with the codec at all. */
export const touchesCodec = (change: Partial<CodecSettings>): boolean =>
  change.codec !== undefined || change.codecScript !== undefined || change.codecCases !== undefined;

export const isSameCodec = (a: CodecSettings, b: CodecSettings): boolean =>
  a.codec === b.codec && a.codecScript === b.codecScript && isDeepStrictEqual(a.codecCases, b.codecCases);

const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
