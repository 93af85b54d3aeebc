import { Button, type ButtonProps, Group, Stack, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useMutation } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Dialog } from "./dialog.tsx";
import { ProblemNote } from "./problem.tsx";

export interface ConfirmProps {
  readonly title: string;
  /** What happens then. */
  readonly children: ReactNode;
  /** On the button that does it: `Delete`. */
  readonly yes: string;
  readonly isHarmless?: boolean;
  readonly action: () => Promise<void>;
  readonly onDone?: () => void;
}

export interface ConfirmDialogProps extends ConfirmProps {
  readonly isOpen: boolean;
  readonly onClose: () => void;
}

/** Asks before something is done that cannot be taken back; shows why it was not done. */
export function ConfirmDialog(props: ConfirmDialogProps) {
  const { title, children, yes, isHarmless = false, action, onDone, isOpen, onClose } = props;
  const doing = useMutation({
    mutationFn: action,
    onSuccess: () => {
      onClose();
      onDone?.();
    },
  });
  const close = (): void => {
    doing.reset();
    onClose();
  };
  return (
    <Dialog opened={isOpen} onClose={close} title={title}>
      <Stack>
        <Text component="div" size="sm">
          {children}
        </Text>
        {doing.isError && <ProblemNote title="That was not done" error={doing.error} />}
        <Group justify="flex-end">
          <Button variant="default" onClick={close} data-autofocus>
            Cancel
          </Button>
          <Button {...(!isHarmless && { color: "red.9" })} loading={doing.isPending} onClick={() => doing.mutate()}>
            {yes}
          </Button>
        </Group>
      </Stack>
    </Dialog>
  );
}

export interface ConfirmButtonProps extends ConfirmProps {
  readonly label: string;
  readonly button?: Pick<ButtonProps, "variant" | "color" | "size" | "leftSection" | "disabled">;
}

/** What cannot be taken back looks the same everywhere. */
const danger = { variant: "light", color: "red" } as const;
const calm = { variant: "default" } as const;

/** A button that asks first. */
export function ConfirmButton({ label, button, ...confirm }: ConfirmButtonProps) {
  const [isOpen, { open, close }] = useDisclosure(false);
  return (
    <>
      <Button {...(confirm.isHarmless === true ? calm : danger)} {...button} aria-haspopup="dialog" onClick={open}>
        {label}
      </Button>
      <ConfirmDialog {...confirm} isOpen={isOpen} onClose={close} />
    </>
  );
}
