import { Anchor, Box, Button, type ButtonProps, Group, SimpleGrid, Text, Title } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import type { ReactNode } from "react";
import { Dialog } from "./dialog.tsx";

/** For inputs whose text is for machines. */
export const monoInput = { input: "mono" } as const;

export interface FormButtonProps extends Pick<ButtonProps, "variant" | "color" | "size" | "disabled" | "leftSection"> {
  readonly label: string;
  /** Of the dialog; the label unless given. */
  readonly title?: string;
  readonly wide?: boolean;
  /** The form, which is made anew each time; it calls `close` when it is done with. */
  readonly children: (close: () => void) => ReactNode;
}

/** A button that opens a form in a dialog. */
export function FormButton({ label, title = label, wide = false, children, ...button }: FormButtonProps) {
  const [isOpen, { open, close }] = useDisclosure(false);
  return (
    <>
      <Button {...button} aria-haspopup="dialog" onClick={open}>
        {label}
      </Button>
      <Dialog opened={isOpen} onClose={close} title={title} size={wide ? "lg" : "md"}>
        {children(close)}
      </Dialog>
    </>
  );
}

/** The same in the looks of a link, for what is in a list. */
export function FormLink({
  label,
  title = label,
  wide = false,
  children,
}: Pick<FormButtonProps, "label" | "title" | "wide" | "children">) {
  const [isOpen, { open, close }] = useDisclosure(false);
  return (
    <>
      <Anchor component="button" type="button" aria-haspopup="dialog" onClick={open} maw="100%" className="one-line">
        {label}
      </Anchor>
      <Dialog opened={isOpen} onClose={close} title={title} size={wide ? "lg" : "md"}>
        {children(close)}
      </Dialog>
    </>
  );
}

export interface FormActionsProps {
  readonly submit: string;
  readonly isPending: boolean;
  readonly onCancel?: (() => void) | undefined;
  readonly isDisabled?: boolean;
}

/** The end of every form. */
export function FormActions({ submit, isPending, onCancel, isDisabled = false }: FormActionsProps) {
  return (
    <Group justify="flex-end">
      {onCancel !== undefined && (
        <Button variant="default" onClick={onCancel}>
          Cancel
        </Button>
      )}
      <Button type="submit" loading={isPending} disabled={isDisabled}>
        {submit}
      </Button>
    </Group>
  );
}

export interface FormGroupProps {
  readonly title: string;
  /** What the fields of the group are about. */
  readonly about?: ReactNode;
  readonly columns?: 1 | 2;
  readonly children: ReactNode;
}

/** Fields that belong together, under a title. */
export function FormGroup({ title, about, columns = 2, children }: FormGroupProps) {
  return (
    <Box component="section">
      <Title order={2} size="h4">
        {title}
      </Title>
      {about !== undefined && (
        <Text size="sm" c="dimmed" maw={680}>
          {about}
        </Text>
      )}
      <SimpleGrid cols={{ base: 1, sm: columns }} mt="sm" spacing="lg" verticalSpacing="md">
        {children}
      </SimpleGrid>
    </Box>
  );
}
