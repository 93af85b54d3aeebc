import { Button, Group, Loader, Stack, Text, Textarea } from "@mantine/core";
import { IconClipboard, IconQrcode } from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import { lazy, Suspense, useState } from "react";
import { dataOf, type Schemas } from "../../../../../client/client.ts";
import { api } from "../../api/queries.ts";
import { Dialog } from "../../parts/dialog.tsx";
import { FormActions, monoInput } from "../../parts/form.tsx";
import { ProblemNote } from "../../parts/problem.tsx";
import { isLabelText, type PastedDevice, pastedDeviceOf } from "./pasted.ts";

const Scan = lazy(() => import("./scan.tsx"));

/** What a label or a pasted text said of a device. */
export interface Captured extends PastedDevice {
  readonly name?: string;
  readonly deviceProfileId?: string;
  readonly tags?: Schemas["Device"]["tags"];
  /** What to tell whoever typed it. */
  readonly note: string;
}

async function read(text: string, applicationId: string): Promise<Captured> {
  if (!isLabelText(text)) {
    const found = pastedDeviceOf(text);
    const names = Object.keys(found);
    if (names.length === 0) throw new Error("There is no EUI and no key in this text.");
    return { ...found, note: `Found: ${names.join(", ")}.` };
  }
  if (applicationId === "") throw new Error("Choose an application first: the profile is looked for in its tenant.");
  const label = dataOf(await api.POST("/api/devices/qr", { body: { applicationId, text: text.trim() } }));
  const { devEui, joinEui, name, deviceProfileId, tags } = label.device;
  return {
    devEui,
    joinEui,
    name,
    tags,
    ...(deviceProfileId !== undefined && { deviceProfileId }),
    note: noteOf(label),
  };
}

function noteOf({
  isTaken,
  deviceProfiles,
  vendorId,
  vendorProfileId,
}: {
  readonly isTaken: boolean;
  readonly deviceProfiles: readonly unknown[];
  readonly vendorId: number;
  readonly vendorProfileId: number;
}): string {
  if (isTaken) return "There is a device with this DevEUI already.";
  if (deviceProfiles.length === 1) return "The label is read, and its profile is found. The key is not on the label.";
  const vendor = `vendor ${vendorId}, profile ${vendorProfileId}`;
  return deviceProfiles.length === 0
    ? `The label is read. No profile here is of its kind (${vendor}): choose one.`
    : `The label is read. Several profiles are of its kind (${vendor}): choose one.`;
}

export interface CaptureProps {
  readonly applicationId: string;
  readonly onCaptured: (captured: Captured) => void;
}

/** Ways to fill in the form without typing. */
export function Capture({ applicationId, onCaptured }: CaptureProps) {
  const [way, setWay] = useState<"scan" | "paste">();
  const close = (): void => {
    setWay(undefined);
    reading.reset();
  };
  const reading = useMutation({
    mutationFn: (text: string) => read(text, applicationId),
    onSuccess: captured => {
      onCaptured(captured);
      close();
    },
  });
  return (
    <>
      <Group>
        <Button
          variant="default"
          leftSection={<IconQrcode size={16} />}
          aria-haspopup="dialog"
          onClick={() => setWay("scan")}
        >
          Scan the label
        </Button>
        <Button
          variant="default"
          leftSection={<IconClipboard size={16} />}
          aria-haspopup="dialog"
          onClick={() => setWay("paste")}
        >
          Paste
        </Button>
      </Group>
      <Dialog opened={way === "scan"} onClose={close} title="Scan the label">
        <Stack>
          {reading.isError && <ProblemNote title="The label could not be used" error={reading.error} />}
          <Suspense fallback={<Loader role="status" aria-label="Loading" />}>
            {!reading.isError && <Scan onText={text => reading.mutate(text)} />}
          </Suspense>
          {reading.isError && (
            <Button variant="default" onClick={() => reading.reset()}>
              Scan again
            </Button>
          )}
        </Stack>
      </Dialog>
      <Dialog opened={way === "paste"} onClose={close} title="Paste">
        <PasteForm
          isPending={reading.isPending}
          error={reading.error}
          onText={text => reading.mutate(text)}
          onCancel={close}
        />
      </Dialog>
    </>
  );
}

interface PasteFormProps {
  readonly isPending: boolean;
  readonly error: unknown;
  readonly onText: (text: string) => void;
  readonly onCancel: () => void;
}

function PasteForm({ isPending, error, onText, onCancel }: PasteFormProps) {
  const [text, setText] = useState("");
  return (
    <form
      onSubmit={event => {
        event.preventDefault();
        onText(text);
      }}
    >
      <Stack>
        {error !== null && <ProblemNote title="Nothing was found in it" error={error} />}
        <Text size="sm" c="dimmed">
          EUIs and keys as they are in a mail, a table or a program; or the text of the QR code, which begins with
          LW:D0:.
        </Text>
        <Textarea
          label="Text"
          autosize
          minRows={4}
          maxRows={12}
          data-autofocus
          classNames={monoInput}
          spellCheck={false}
          value={text}
          onChange={event => setText(event.currentTarget.value)}
        />
        <FormActions submit="Take over" isPending={isPending} onCancel={onCancel} isDisabled={text.trim() === ""} />
      </Stack>
    </form>
  );
}
