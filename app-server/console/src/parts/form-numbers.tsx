import { NumberInput, type NumberInputProps } from "@mantine/core";

export interface OptionalNumberProps extends Omit<NumberInputProps, "value" | "defaultValue" | "onChange"> {
  readonly value: number | undefined;
  readonly onChange: (value: number | undefined) => void;
}

/** A number that may be left out; what is shown in its place is what holds then. */
export function OptionalNumber({ value, onChange, ...input }: OptionalNumberProps) {
  return (
    <NumberInput
      {...input}
      clampBehavior="none"
      value={value ?? ""}
      onChange={typed => onChange(typed === "" || !Number.isFinite(Number(typed)) ? undefined : Number(typed))}
    />
  );
}

/** The same with its value in MHz of what is kept in Hz. */
export function OptionalFrequency({ value, onChange, ...input }: OptionalNumberProps) {
  return (
    <OptionalNumber
      {...input}
      decimalScale={4}
      step={0.2}
      suffix=" MHz"
      value={value === undefined ? undefined : value / 1e6}
      onChange={megahertz => onChange(megahertz === undefined ? undefined : Math.round(megahertz * 1e6))}
    />
  );
}
