import { Stack, Text, TextInput } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { FormActions } from "./form.tsx";
import { ProblemNote } from "./problem.tsx";

export interface CloneFormProps {
  readonly name: string;
  /** What comes along, and what does not. */
  readonly about: string;
  readonly clone: (name: string) => Promise<void>;
  readonly onEnd: () => void;
}

/** Asks how a copy is to be called. */
export function CloneForm({ name, about, clone, onEnd }: CloneFormProps) {
  const [text, setText] = useState(`${name} (copy)`);
  const cloning = useMutation({ mutationFn: () => clone(text), onSuccess: onEnd });
  return (
    <form
      onSubmit={event => {
        event.preventDefault();
        cloning.mutate();
      }}
    >
      <Stack>
        {cloning.isError && <ProblemNote title="It was not cloned" error={cloning.error} />}
        <Text size="sm" c="dimmed">
          {about}
        </Text>
        <TextInput
          label="Name"
          required
          data-autofocus
          value={text}
          onChange={event => setText(event.currentTarget.value)}
        />
        <FormActions submit="Clone" isPending={cloning.isPending} onCancel={onEnd} />
      </Stack>
    </form>
  );
}
