import { TextInput } from "@mantine/core";
import { useState } from "react";

/** Half a tag is one that is still being typed. */
export const isWholeTag = (tag: string): boolean => /^[^=]+=/.test(tag);

export interface TagInputProps {
  readonly value: string | undefined;
  readonly onChange: (tag: string | undefined) => void;
}

/** Narrows a list to what has a tag; taken when it is left, or with the Enter key. */
export function TagInput({ value, onChange }: TagInputProps) {
  const [tag, setTag] = useState(value ?? "");
  const take = (): void => onChange(tag === "" ? undefined : tag);
  return (
    <TextInput
      aria-label="Tag"
      placeholder="tag=value"
      w={{ base: "100%", sm: 150 }}
      value={tag}
      onChange={event => setTag(event.currentTarget.value)}
      onBlur={take}
      onKeyDown={event => event.key === "Enter" && take()}
    />
  );
}
