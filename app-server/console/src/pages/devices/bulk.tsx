import { Alert, Button, Group, List, Paper, Progress, Stack, Text, TextInput } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useRef, useState } from "react";
import type { Schemas } from "../../../../../client/client.ts";
import { api, done, textOf } from "../../api/queries.ts";
import { Dialog } from "../../parts/dialog.tsx";
import { counted } from "../../parts/numbers.ts";
import { RecordSelect } from "../../parts/record-select.tsx";

/** What has to be known of each of them. */
type Device = Pick<Schemas["Device"], "devEui" | "name" | "tenantId" | "applicationId" | "isDisabled" | "tags">;
type Change = Partial<Pick<Device, "applicationId" | "isDisabled" | "tags">>;

export interface BulkBarProps {
  readonly chosen: ReadonlyMap<string, Device>;
  readonly tenantId: string | undefined;
  readonly onDone: () => void;
}

/** Something that is done with every chosen device, one after the other. */
interface Task {
  readonly title: string;
  readonly yes: string;
  readonly isDanger?: boolean;
  readonly about: ReactNode;
  /** Undefined: what it needs is not there yet. */
  readonly work: ((device: Device) => Promise<void>) | undefined;
}

const changed = async ({ devEui }: Device, body: Change): Promise<void> =>
  done(await api.PATCH("/api/devices/{devEui}", { params: { path: { devEui } }, body }));

const deletion: Task = {
  title: "Delete devices",
  yes: "Delete",
  isDanger: true,
  about: "Their keys, sessions and waiting downlinks go too. What they said stays in the history until it is too old.",
  work: async ({ devEui }) => done(await api.DELETE("/api/devices/{devEui}", { params: { path: { devEui } } })),
};
const enabling: Task = {
  title: "Enable devices",
  yes: "Enable",
  about: "They are listened to again.",
  work: device => changed(device, { isDisabled: false }),
};
const disabling: Task = {
  title: "Disable devices",
  yes: "Disable",
  about: "What they send is refused until they are enabled again. Sessions stay.",
  work: device => changed(device, { isDisabled: true }),
};

/** What can be done with the chosen devices; nothing is shown without any. */
export function BulkBar({ chosen, tenantId, onDone }: BulkBarProps) {
  const [task, setTask] = useState<Task | "move" | "tag">();
  const close = (): void => setTask(undefined);
  const devices = [...chosen.values()];
  if (devices.length === 0) return null;
  const end = (): void => {
    // Otherwise it would be open again as soon as another device is chosen.
    close();
    onDone();
  };
  const dialog = { devices, onClose: close, onDone: end };
  return (
    <Paper withBorder p="xs" mb="sm" role="region" aria-label="Chosen devices">
      <Group gap="xs">
        <Text size="sm" fw={600} mr="xs" role="status">
          {counted(devices.length, "device")}
        </Text>
        <Button size="xs" variant="default" aria-haspopup="dialog" onClick={() => setTask("move")}>
          Move
        </Button>
        <Button size="xs" variant="default" aria-haspopup="dialog" onClick={() => setTask("tag")}>
          Tag
        </Button>
        <Button size="xs" variant="default" aria-haspopup="dialog" onClick={() => setTask(enabling)}>
          Enable
        </Button>
        <Button size="xs" variant="default" aria-haspopup="dialog" onClick={() => setTask(disabling)}>
          Disable
        </Button>
        <Button size="xs" variant="default" aria-haspopup="dialog" onClick={() => setTask(deletion)}>
          Delete
        </Button>
        <Button size="xs" variant="subtle" ml="auto" onClick={onDone}>
          Choose none
        </Button>
      </Group>
      {task === "move" && <MoveDialog {...dialog} tenantId={tenantId} />}
      {task === "tag" && <TagDialog {...dialog} />}
      {typeof task === "object" && <TaskDialog {...dialog} task={task} />}
    </Paper>
  );
}

interface DialogProps {
  readonly devices: readonly Device[];
  readonly onClose: () => void;
  readonly onDone: () => void;
}

function MoveDialog({ tenantId, ...dialog }: DialogProps & { readonly tenantId: string | undefined }) {
  const [applicationId, setApplicationId] = useState("");
  const task: Task = {
    title: "Move devices",
    yes: "Move",
    about: (
      <Stack gap="sm">
        <span>They keep sessions and queues. What they say from then on goes to the other application.</span>
        <RecordSelect
          kind="applications"
          label="Application"
          tenantId={tenantId ?? dialog.devices[0]?.tenantId}
          value={applicationId}
          onChange={setApplicationId}
        />
      </Stack>
    ),
    work: applicationId === "" ? undefined : device => changed(device, { applicationId }),
  };
  return <TaskDialog {...dialog} task={task} />;
}

function TagDialog(dialog: DialogProps) {
  const [name, setName] = useState("");
  const [value, setValue] = useState("");
  const task: Task = {
    title: "Tag devices",
    yes: "Tag",
    about: (
      <Stack gap="sm">
        <span>Without a value the tag is taken away.</span>
        <Group grow>
          <TextInput label="Name" value={name} onChange={event => setName(event.currentTarget.value)} />
          <TextInput label="Value" value={value} onChange={event => setValue(event.currentTarget.value)} />
        </Group>
      </Stack>
    ),
    work:
      name.trim() === ""
        ? undefined
        : device => {
            const { [name]: _before, ...others } = device.tags;
            return changed(device, { tags: value === "" ? others : { ...others, [name]: value } });
          },
  };
  return <TaskDialog {...dialog} task={task} />;
}

interface Outcome {
  readonly doneCount: number;
  readonly failures: readonly { readonly device: Device; readonly why: string }[];
}

const parallel = 4;
const listedFailures = 20;

/** Works through the devices, a few at once; says how far it is, and which it could not do. */
function TaskDialog({ devices, task, onClose, onDone }: DialogProps & { readonly task: Task }) {
  const queries = useQueryClient();
  const [progress, setProgress] = useState(0);
  const isStopped = useRef(false);
  const running = useMutation({
    mutationFn: async (work: (device: Device) => Promise<void>): Promise<Outcome> => {
      const left = [...devices];
      const failures: { device: Device; why: string }[] = [];
      let doneCount = 0;
      const worker = async (): Promise<void> => {
        for (let device = left.shift(); device && !isStopped.current; device = left.shift()) {
          try {
            await work(device);
            doneCount += 1;
          } catch (error) {
            failures.push({ device, why: textOf(error) });
          }
          setProgress(doneCount + failures.length);
        }
      };
      await Promise.all(Array.from({ length: parallel }, worker));
      return { doneCount, failures };
    },
    onSettled: async outcome => {
      await queries.invalidateQueries({ queryKey: ["devices"] });
      if (outcome?.failures.length === 0) onDone();
    },
  });
  const close = (): void => {
    isStopped.current = true;
    onClose();
  };
  const { work } = task;
  const failures = running.data?.failures ?? [];
  return (
    <Dialog opened onClose={close} title={`${task.title}: ${devices.length.toLocaleString()}`}>
      <Stack>
        <Text component="div" size="sm">
          {task.about}
        </Text>
        {running.isPending && (
          <Progress
            value={(100 * progress) / devices.length}
            aria-label={`${progress} of ${devices.length}`}
            animated
          />
        )}
        {failures.length > 0 && (
          <Alert color="red" role="alert" title={`${failures.length} of ${devices.length} were not done`}>
            <List size="sm">
              {failures.slice(0, listedFailures).map(({ device, why }) => (
                <List.Item key={device.devEui}>
                  {device.name}: {why}
                </List.Item>
              ))}
            </List>
          </Alert>
        )}
        <Group justify="flex-end">
          <Button variant="default" onClick={close}>
            {running.isSuccess ? "Close" : "Cancel"}
          </Button>
          {!running.isSuccess && (
            <Button
              {...(task.isDanger && { color: "red.9" })}
              loading={running.isPending}
              disabled={work === undefined}
              onClick={() => work && running.mutate(work)}
            >
              {task.yes}
            </Button>
          )}
        </Group>
      </Stack>
    </Dialog>
  );
}
