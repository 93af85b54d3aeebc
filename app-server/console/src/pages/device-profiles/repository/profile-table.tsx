import { Badge, Select, Text } from "@mantine/core";
import { useState } from "react";
import { textOfMember } from "../../../api/members.ts";
import { type Column, EndlessTable } from "../../../parts/endless-table.tsx";
import { isUsualSort, type UsualSort } from "../../../parts/sorts.ts";
import type { FoundProfile } from "./reading.ts";

export interface ProfileTableProps {
  readonly profiles: readonly FoundProfile[];
  readonly chosen: ReadonlyMap<string, FoundProfile>;
  readonly onChange: (chosen: ReadonlyMap<string, FoundProfile>) => void;
}

const textOf = ({ record }: FoundProfile, member: string): string => textOfMember(record[member]) ?? "";
const keyOf = (profile: FoundProfile): string => textOf(profile, "sourceId");

const columns: readonly Column<FoundProfile>[] = [
  {
    title: "Name",
    sortsBy: "name",
    render: profile => <span title={textOf(profile, "name")}>{textOf(profile, "name")}</span>,
  },
  { title: "Region", width: 86, render: profile => textOf(profile, "region") },
  { title: "LoRaWAN", width: 90, visibleFrom: "sm", render: profile => textOf(profile, "macVersion") },
  {
    title: "Codec",
    width: 70,
    render: profile =>
      textOf(profile, "codec") === "none" ? (
        <Text span size="sm" c="dimmed">
          no
        </Text>
      ) : (
        <Badge color="teal">yes</Badge>
      ),
  },
  {
    title: "Left out",
    width: "26%",
    visibleFrom: "md",
    render: ({ notes }) => (
      <Text span size="sm" c="dimmed" title={notes.join("; ")}>
        {notes.join("; ")}
      </Text>
    ),
  },
];

/** What a repository has; all of it is here, so what fits is one page of the list and can be chosen as a whole. */
export function ProfileTable({ profiles, chosen, onChange }: ProfileTableProps) {
  // Of this reading: a folder may be chosen again, with other files in it.
  const [readAt] = useState(() => Date.now());
  const [region, setRegion] = useState<string | null>(null);
  const regions = [...new Set(profiles.map(profile => textOf(profile, "region")))].toSorted();
  const fitting = (search: string, sort: UsualSort): readonly FoundProfile[] => {
    const words = search.toLowerCase().split(/\s+/);
    const found = profiles.filter(profile => {
      const text = `${textOf(profile, "name")} ${profile.what}`.toLowerCase();
      return (region === null || textOf(profile, "region") === region) && words.every(word => text.includes(word));
    });
    const sorted = found.toSorted((one, other) => textOf(one, "name").localeCompare(textOf(other, "name")));
    return sort.startsWith("-") ? sorted.toReversed() : sorted;
  };
  return (
    <EndlessTable
      label="Profiles of the repository"
      queryKey={["repository-profiles", readAt, region]}
      read={async ({ search = "", sort }) => ({ items: fitting(search, sort) })}
      columns={columns}
      keyOf={keyOf}
      isSort={isUsualSort}
      sort="name"
      searchHint="Vendor, device, firmware"
      filterCount={region === null ? 0 : 1}
      filters={
        <Select
          aria-label="Region"
          placeholder="Region"
          clearable
          data={regions}
          value={region}
          onChange={setRegion}
          w={{ base: "100%", sm: 160 }}
        />
      }
      selection={{ chosen, onChange, nameOf: profile => textOf(profile, "name") }}
      empty={<Text c="dimmed">No profile could be made of these files.</Text>}
    />
  );
}
