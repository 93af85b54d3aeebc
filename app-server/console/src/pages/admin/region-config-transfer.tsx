import { Alert, Badge, Button, FileInput, Stack, Switch, Table, Text } from "@mantine/core";
import { IconDownload, IconUpload } from "@tabler/icons-react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { dataOf, type Schemas } from "../../../../../client/client.ts";
import { membersOf, textOfMember } from "../../api/members.ts";
import { api, faultPathsOf, textOf } from "../../api/queries.ts";
import { FormActions } from "../../parts/form.tsx";

type RegionConfig = Schemas["RegionConfig"];
/** What a file has of each. */
type Portable = Pick<RegionConfig, "id" | "region" | "description" | "isDefault" | "settings">;

const portable = ({ id, region, description, isDefault, settings }: Portable): Portable => ({
  id,
  region,
  description,
  isDefault,
  settings,
});

/** Those that somebody made, as a file that an import takes. */
export function ExportRegionConfigs({ configs }: { readonly configs: readonly RegionConfig[] }) {
  const made = configs.filter(({ source }) => source !== "built-in").map(portable);
  const save = (): void => {
    const url = URL.createObjectURL(new Blob([`${JSON.stringify(made, null, 2)}\n`], { type: "application/json" }));
    const link = document.createElement("a");
    link.href = url;
    link.download = "region-configs.json";
    link.click();
    URL.revokeObjectURL(url);
  };
  return (
    <Button variant="default" leftSection={<IconDownload size={16} />} disabled={made.length === 0} onClick={save}>
      Export
    </Button>
  );
}

/** Whether it is worth sending; what it says is judged by the server. */
function isPortable(item: unknown): item is Portable {
  const { id, region, settings } = membersOf(item);
  return textOfMember(id) !== undefined && textOfMember(region) !== undefined && typeof settings === "object";
}

/** Throws Error, with what to do. */
async function readFile(file: File): Promise<readonly Portable[]> {
  let items: unknown;
  try {
    items = JSON.parse(await file.text());
  } catch {
    throw new Error(`${file.name} is no JSON. Choose a file that an export made.`);
  }
  if (!Array.isArray(items)) throw new Error(`${file.name} is no list. Choose a file that an export made.`);
  const at = items.findIndex(item => !isPortable(item));
  if (at >= 0) throw new Error(`Item ${at + 1} of ${file.name} has no id, region and settings.`);
  return items
    .filter(isPortable)
    .map(({ description = "", isDefault = false, ...item }) => portable({ ...item, description, isDefault }));
}

/** JSON with its members in one order. */
const plain = (value: unknown): string =>
  JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === "object" && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).toSorted(([one], [other]) => (one < other ? -1 : 1)))
      : inner,
  );

type Plan = "add" | "change" | "same" | "refused";
const planTexts: Readonly<Record<Plan, { readonly label: string; readonly color: string }>> = {
  add: { label: "new", color: "teal" },
  change: { label: "changes", color: "blue" },
  same: { label: "the same", color: "gray" },
  refused: { label: "not taken", color: "red" },
};

/** What would become of it: one that is built in is replaced by a new one of its name. */
function planOf(item: Portable, known: readonly RegionConfig[]): Plan {
  const there = known.find(({ id, source }) => id === item.id && source !== "built-in");
  if (there === undefined) return "add";
  if (plain(portable(there)) === plain(item)) return "same";
  return there.source === "file" || there.region !== item.region ? "refused" : "change";
}

/** Throws ApiProblem. */
async function take(item: Portable, plan: Plan): Promise<void> {
  const { id, region: _region, ...body } = item;
  if (plan === "add") dataOf(await api.POST("/api/region-configs", { body: item }));
  if (plan === "change") {
    const params = { path: { regionConfigId: id } };
    dataOf(await api.PATCH("/api/region-configs/{regionConfigId}", { params, body }));
  }
}

const faultOf = (error: unknown): string => {
  const faults = Object.entries(faultPathsOf(error)).map(([path, text]) => `${path}: ${text}`);
  return faults.length === 0 ? textOf(error) : faults.join(" ");
};

interface ImportProps {
  readonly known: readonly RegionConfig[];
  readonly onEnd: () => void;
}

/** Configurations out of a file, which are looked at before they are taken. */
export function ImportRegionConfigs({ known, onEnd }: ImportProps) {
  const queries = useQueryClient();
  const [file, setFile] = useState<File | null>(null);
  const [items, setItems] = useState<readonly Portable[]>([]);
  const [mayChange, setMayChange] = useState(true);
  const [faults, setFaults] = useState<ReadonlyMap<string, string>>(new Map());
  const [fileFault, setFileFault] = useState<string>();
  // As it was when the file was chosen: what is taken is there then.
  const [before] = useState(known);
  const plans = items.map(item => ({ item, plan: planOf(item, before) }));
  const wanted = plans.filter(({ plan }) => plan === "add" || (plan === "change" && mayChange));
  const sending = useMutation({
    mutationFn: async () => {
      const refused = new Map<string, string>();
      for (const { item, plan } of wanted)
        await take(item, plan).catch((error: unknown) => refused.set(item.id, faultOf(error)));
      setFaults(refused);
      return { taken: wanted.length - refused.size, refused: refused.size };
    },
    onSettled: () => queries.invalidateQueries({ queryKey: ["region-configs"] }),
  });
  const choose = async (chosen: File | null): Promise<void> => {
    setFile(chosen);
    setItems([]);
    setFaults(new Map());
    setFileFault(undefined);
    sending.reset();
    if (chosen === null) return;
    await readFile(chosen).then(setItems, (error: unknown) => setFileFault(textOf(error)));
  };
  return (
    <form
      noValidate
      onSubmit={event => {
        event.preventDefault();
        if (sending.data) onEnd();
        else sending.mutate();
      }}
    >
      <Stack>
        <FileInput
          label="File"
          placeholder="region-configs.json"
          accept=".json"
          leftSection={<IconUpload size={16} />}
          value={file}
          onChange={chosen => void choose(chosen)}
          error={fileFault}
        />
        {plans.length > 0 && (
          <Table aria-label="Configurations of the file">
            <Table.Thead>
              <Table.Tr>
                <Table.Th>Name</Table.Th>
                <Table.Th>Region</Table.Th>
                <Table.Th>Is</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {plans.map(({ item, plan }, index) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: the list is the file's, and a name may be in it twice.
                <Table.Tr key={index}>
                  <Table.Td className="mono">{item.id}</Table.Td>
                  <Table.Td>{item.region}</Table.Td>
                  <Table.Td>
                    <Badge color={planTexts[faults.has(item.id) ? "refused" : plan].color}>
                      {planTexts[faults.has(item.id) ? "refused" : plan].label}
                    </Badge>
                    <Text size="sm" style={{ overflowWrap: "anywhere" }}>
                      {faults.get(item.id) ??
                        (plan === "refused" &&
                          "The configuration file has one of this name, or another region has it.")}
                    </Text>
                  </Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        )}
        <Switch
          label="Change those that are there already"
          description="Devices that have one are told with their next uplinks."
          checked={mayChange}
          disabled={sending.data !== undefined}
          onChange={event => setMayChange(event.currentTarget.checked)}
        />
        {sending.data && (
          <Alert color={sending.data.refused > 0 ? "orange" : "teal"} role="status">
            {sending.data.taken} taken, {sending.data.refused} not taken.
          </Alert>
        )}
        <FormActions
          submit={sending.data ? "Close" : "Import"}
          isPending={sending.isPending}
          isDisabled={wanted.length === 0}
          onCancel={sending.data ? undefined : onEnd}
        />
      </Stack>
    </form>
  );
}
