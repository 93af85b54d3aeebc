import { Box, Group } from "@mantine/core";
import type { ReactNode } from "react";
import { FormActions, type FormActionsProps } from "./form.tsx";
import { ProblemNote } from "./problem.tsx";

export interface FormEndProps extends FormActionsProps {
  /** What was not saved and why: beside the button, since the rest of the form may be out of sight. */
  readonly fault: { readonly title: string; readonly error: unknown } | undefined;
  /** Other buttons, at the other side. */
  readonly children?: ReactNode;
}

/** The end of a long form, which stays in sight. In the order of keys it is where it stands, after the last field. */
export function FormEnd({ fault, children, ...actions }: FormEndProps) {
  return (
    <Box className="form-end">
      {fault && (
        <Box mb="xs" mah="30dvh" style={{ overflow: "auto" }}>
          <ProblemNote {...fault} />
        </Box>
      )}
      <Group justify="space-between" gap="xs">
        <Group gap="xs">{children}</Group>
        <Box ml="auto">
          <FormActions {...actions} />
        </Box>
      </Group>
    </Box>
  );
}
