import { ActionIcon, TextInput, Tooltip } from "@mantine/core";
import { IconDice5 } from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { dataOf } from "../../../../../client/client.ts";
import { api, textOf } from "../../api/queries.ts";
import { monoInput } from "../../parts/form.tsx";

export type Method = "OTAA" | "ABP";

interface KeyField {
  readonly name: KeyName;
  readonly label: string;
  readonly description: string;
  readonly digits: 8 | 32;
}

const keyNames = [
  "appKey",
  "nwkKey",
  "devAddr",
  "nwkSKey",
  "fNwkSIntKey",
  "sNwkSIntKey",
  "nwkSEncKey",
  "appSKey",
] as const;
export type KeyName = (typeof keyNames)[number];
export type KeyValues = Readonly<Record<KeyName, string>>;

export const noKeys: KeyValues = {
  appKey: "",
  nwkKey: "",
  devAddr: "",
  nwkSKey: "",
  fNwkSIntKey: "",
  sNwkSIntKey: "",
  nwkSEncKey: "",
  appSKey: "",
};

const key = (name: KeyName, label: string, description: string): KeyField => ({ name, label, description, digits: 32 });
const appKey = key("appKey", "AppKey", "The root key on the device's label or in its papers.");
const nwkKey = key("nwkKey", "NwkKey", "The root key for the network, of LoRaWAN 1.1.");
const appSKey = key("appSKey", "AppSKey", "Encrypts payloads.");
const devAddr: KeyField = {
  name: "devAddr",
  label: "DevAddr",
  description: "The address that is set in the device.",
  digits: 8,
};

/** What a device needs to be let in: root keys to join, or a session that was agreed on beforehand. */
export function keyFieldsOf(method: Method, isVersion11: boolean): readonly KeyField[] {
  if (method === "OTAA") return isVersion11 ? [appKey, nwkKey] : [appKey];
  if (!isVersion11) return [devAddr, key("nwkSKey", "NwkSKey", "Signs frames."), appSKey];
  return [
    devAddr,
    key("fNwkSIntKey", "FNwkSIntKey", "Signs uplinks."),
    key("sNwkSIntKey", "SNwkSIntKey", "Signs uplinks and downlinks."),
    key("nwkSEncKey", "NwkSEncKey", "Encrypts MAC commands."),
    appSKey,
  ];
}

const plainHex = (text: string): string => text.replace(/[\s:-]/g, "");

/** Faults by name; every field is wanted unless nothing has to be given at all. */
export function keyFaults(fields: readonly KeyField[], values: KeyValues): Partial<Record<KeyName, string>> {
  const faulty = fields.filter(
    ({ name, digits }) => !new RegExp(`^[0-9a-f]{${digits}}$`, "i").test(plainHex(values[name])),
  );
  return Object.fromEntries(faulty.map(({ name, digits }) => [name, `${digits} hexadecimal digits.`]));
}

/** The values of the fields as the API takes them. */
export const keyBody = (fields: readonly KeyField[], values: KeyValues): Partial<Record<KeyName, string>> =>
  Object.fromEntries(fields.map(({ name }) => [name, plainHex(values[name])]));

export interface KeyInputsProps {
  readonly fields: readonly KeyField[];
  readonly values: KeyValues;
  readonly onChange: (name: KeyName, value: string) => void;
  readonly errors: Readonly<Record<string, ReactNode>>;
}

/** A key needs nobody else to make it up; which addresses are this network's, and free, is for the server to say. */
async function madeUpAddress(): Promise<string> {
  return dataOf(await api.POST("/api/devices/generate-activation", { body: { macVersion: "1.0.4" } })).devAddr;
}

const madeUpKey = (digits: number): string =>
  Array.from(crypto.getRandomValues(new Uint8Array(digits / 2)), byte => byte.toString(16).padStart(2, "0")).join("");

export function KeyInputs({ fields, values, onChange, errors }: KeyInputsProps) {
  const address = useMutation({ mutationFn: madeUpAddress, onSuccess: made => onChange("devAddr", made) });
  return fields.map(({ name, label, description, digits }) => (
    <TextInput
      key={name}
      label={label}
      description={description}
      withAsterisk
      classNames={monoInput}
      autoComplete="off"
      spellCheck={false}
      value={values[name]}
      onChange={event => onChange(name, event.currentTarget.value)}
      error={errors[name] ?? (name === "devAddr" && address.isError ? textOf(address.error) : undefined)}
      rightSection={
        <Tooltip label="Make one up, for a device that is programmed with it afterwards">
          <ActionIcon
            variant="subtle"
            color="gray"
            aria-label={`Random ${label}`}
            loading={name === "devAddr" && address.isPending}
            onClick={() => (name === "devAddr" ? address.mutate() : onChange(name, madeUpKey(digits)))}
          >
            <IconDice5 size={16} />
          </ActionIcon>
        </Tooltip>
      }
    />
  ));
}
