import {
  Alert,
  Badge,
  Button,
  Code,
  FileButton,
  Group,
  List,
  Loader,
  Progress,
  Select,
  Stack,
  Text,
} from "@mantine/core";
import { IconFolderOpen } from "@tabler/icons-react";
import { useState } from "react";
import { mayWrite, useMe } from "../../../api/session.ts";
import { wholeNumber } from "../../../parts/numbers.ts";
import { PageHeader } from "../../../parts/page-header.tsx";
import { Panel } from "../../../parts/panel.tsx";
import { ProblemNote } from "../../../parts/problem.tsx";
import { TenantSelect, useUsualTenant } from "../../../parts/record-select.tsx";
import { useTenantId } from "../../../shell/tenant.ts";
import { ImportOutcome } from "../import-outcome.tsx";
import { type Repository, repositoryIn } from "./folder.ts";
import { ProfileTable } from "./profile-table.tsx";
import { type FoundProfile, type Reading, type Remark, useReading } from "./reading.ts";
import { useSending } from "./sending.ts";

const formatNames = { ttn: "The Things Network's device repository", chirpstack: "ChirpStack's device profiles" };

/** Device profiles out of a folder on the user's machine, which stays there but for what is chosen of it. */
export function RepositoryPage() {
  const me = useMe();
  const tenantId = useTenantId();
  const [chosen, setChosen] = useState<{ readonly name: string; readonly repository: Repository | undefined }>();
  const reading = useReading(chosen?.repository);
  const take = (files: readonly File[]): void => {
    const [first] = files;
    if (first === undefined) return;
    const [name = ""] = first.webkitRelativePath.split("/");
    setChosen({ name, repository: repositoryIn(new Map(files.map(file => [file.webkitRelativePath, file]))) });
  };
  return (
    <>
      <PageHeader
        title="Import from a device repository"
        above={[{ label: "Device profiles", to: "/device-profiles" }]}
      >
        One profile for each device, firmware and region, with its codec.
      </PageHeader>
      {mayWrite(me, "devices", tenantId) ? (
        <Stack>
          <Panel title="Folder">
            <Stack gap="sm">
              <Text size="sm" maw={680}>
                Clone <Code>https://github.com/TheThingsNetwork/lorawan-devices</Code> or{" "}
                <Code>https://github.com/chirpstack/chirpstack-device-profiles</Code>, or unpack its zip file, and
                choose the folder. It is read here in the browser; only the profiles that you choose are sent. Take the
                devices that you use.
              </Text>
              <Group gap="sm">
                <FileButton onChange={take} multiple inputProps={{ webkitdirectory: "", "aria-label": "Folder" }}>
                  {button => (
                    <Button {...button} leftSection={<IconFolderOpen size={16} />}>
                      Choose a folder
                    </Button>
                  )}
                </FileButton>
                {chosen?.repository && <Found {...chosen} repository={chosen.repository} reading={reading} />}
              </Group>
              {chosen && !chosen.repository && <NoRepository name={chosen.name} />}
              {reading.error !== undefined && <ProblemNote title="The folder was not read" error={reading.error} />}
            </Stack>
          </Panel>
          {chosen?.repository && reading.isOver && reading.error === undefined && (
            <Choice key={chosen.name} reading={reading} tenantId={tenantId} />
          )}
        </Stack>
      ) : (
        <Alert>You may not add profiles here.</Alert>
      )}
    </>
  );
}

interface FoundProps {
  readonly name: string;
  readonly repository: Repository;
  readonly reading: Reading;
}

function Found({ name, repository: { format, vendors }, reading }: FoundProps) {
  const { profiles, isOver, vendorsRead } = reading;
  return (
    <Group gap="xs" role="status">
      {!isOver && <Loader size={16} />}
      <Text size="sm">
        {name}: {formatNames[format]},{" "}
        {isOver ? (
          <>{wholeNumber(profiles.length)} profiles</>
        ) : (
          <>
            {wholeNumber(profiles.length)} profiles of {wholeNumber(vendorsRead)} of {wholeNumber(vendors)} vendors
          </>
        )}
      </Text>
    </Group>
  );
}

const NoRepository = ({ name }: { readonly name: string }) => (
  <Alert color="red" role="alert" title={`${name} is no such repository`}>
    There is neither <Code>vendor/index.yaml</Code>, as The Things Network has it, nor a{" "}
    <Code>vendors/…/vendor.toml</Code>, as ChirpStack has it. Choose the folder of the whole checkout: one vendor's
    alone does not do, since vendors share radio settings.
  </Alert>
);

const onExistingChoices = [
  { value: "update", label: "is changed to what the repository says" },
  { value: "skip", label: "is left as it is" },
];

function Choice({ reading, tenantId }: { readonly reading: Reading; readonly tenantId: string | undefined }) {
  const usualTenant = useUsualTenant(tenantId);
  const [owner, setOwner] = useState("");
  const [onExisting, setOnExisting] = useState("update");
  const [chosen, setChosen] = useState<ReadonlyMap<string, FoundProfile>>(new Map());
  const { sending, dealtWith } = useSending();
  const profiles = [...chosen.values()];
  const begin = (isDryRun: boolean): void =>
    sending.mutate({ profiles, tenantId: owner || usualTenant, onExisting, isDryRun });
  const isReady = profiles.length > 0 && (owner || usualTenant) !== "";
  const choose = (next: ReadonlyMap<string, FoundProfile>): void => {
    setChosen(next);
    if (!sending.isPending) sending.reset();
  };
  return (
    <>
      {reading.remarks.length > 0 && <Remarks remarks={reading.remarks} />}
      <Panel title="Profiles">
        <ProfileTable profiles={reading.profiles} chosen={chosen} onChange={choose} />
      </Panel>
      <Panel title="Import">
        <Stack gap="sm">
          <TenantSelect value={owner || usualTenant} onChange={setOwner} />
          <Select
            label="What was imported before"
            description="It is known by where it comes from, whatever it is called by now."
            maw={420}
            allowDeselect={false}
            data={onExistingChoices}
            value={onExisting}
            onChange={value => setOnExisting(value ?? "update")}
          />
          {sending.isError && <ProblemNote title="The profiles were not taken" error={sending.error} />}
          {sending.data && (
            <ImportOutcome
              outcome={sending.data.outcome}
              faults={sending.data.faults.map(({ profile, message }, index) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: the list stays as it is.
                <List.Item key={index} style={{ overflowWrap: "anywhere" }}>
                  <span className="mono">{profile?.path}</span>, {profile?.what}: {message}
                </List.Item>
              ))}
            />
          )}
          {sending.isPending && (
            <Progress
              value={(100 * dealtWith) / Math.max(1, sending.variables.profiles.length)}
              animated
              aria-label="How far the import is"
            />
          )}
          <Group justify="flex-end">
            <Text size="sm" c="dimmed" role="status" mr="auto">
              {sending.isPending
                ? `${wholeNumber(dealtWith)} of ${wholeNumber(sending.variables.profiles.length)}`
                : profiles.length === 0
                  ? "Choose profiles in the list above."
                  : `${wholeNumber(profiles.length)} chosen`}
            </Text>
            <Button variant="default" disabled={!isReady} loading={sending.isPending} onClick={() => begin(true)}>
              Try it
            </Button>
            <Button disabled={!isReady} loading={sending.isPending} onClick={() => begin(false)}>
              Import
            </Button>
          </Group>
        </Stack>
      </Panel>
    </>
  );
}

const mostRemarks = 100;

/** What is wrong with files, and what is left out of them. */
function Remarks({ remarks }: { readonly remarks: readonly Remark[] }) {
  const [isWhole, setWhole] = useState(false);
  const sorted = remarks.toSorted((one, other) => other.kind.localeCompare(one.kind));
  const skipped = remarks.filter(({ kind }) => kind === "skipped").length;
  const shown = isWhole ? sorted : sorted.slice(0, mostRemarks);
  return (
    <Panel title="Not taken, or not wholly">
      <Stack gap="sm">
        <Text size="sm" c="dimmed" maw={680}>
          {skipped === 0
            ? "Every file could be read; some say more than a profile has here."
            : "Mend the files in your copy and choose the folder again, or go on without these devices. A file that is not there was not downloaded: get the whole repository."}
        </Text>
        <Stack
          component="ul"
          gap={6}
          mah={260}
          p={0}
          m={0}
          tabIndex={0}
          aria-label="Remarks"
          style={{ overflow: "auto" }}
        >
          {shown.map(({ kind, what, path, text }, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: the list only grows.
            <Group component="li" key={index} gap="xs" wrap="nowrap" align="flex-start">
              <Badge color={kind === "skipped" ? "red" : "gray"} size="sm" miw={72}>
                {kind}
              </Badge>
              <Text size="sm" style={{ overflowWrap: "anywhere" }}>
                {path !== undefined && <span className="mono">{path}: </span>}
                {text}{" "}
                <Text span c="dimmed" size="sm">
                  ({what})
                </Text>
              </Text>
            </Group>
          ))}
        </Stack>
        {shown.length < sorted.length && (
          <Button variant="subtle" onClick={() => setWhole(true)}>
            All {wholeNumber(sorted.length)}
          </Button>
        )}
      </Stack>
    </Panel>
  );
}
