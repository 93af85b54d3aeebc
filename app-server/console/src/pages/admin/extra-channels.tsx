import { ActionIcon, Button, Group, Stack } from "@mantine/core";
import { IconPlus, IconTrash } from "@tabler/icons-react";
import type { Schemas } from "../../../../../client/client.ts";
import { OptionalFrequency, OptionalNumber } from "../../parts/form-numbers.tsx";

type Channel = NonNullable<Schemas["RegionConfig"]["settings"]["extraChannels"]>[number];

export interface ExtraChannelsProps {
  readonly channels: readonly Channel[];
  readonly onChange: (channels: Channel[]) => void;
  readonly isWriter: boolean;
  /** By path, like `settings/extraChannels/0/frequencyHz`. */
  readonly faults: Readonly<Record<string, string>>;
}

/** Channels one by one, with the data rates that they carry. */
export function ExtraChannels({ channels, onChange, isWriter, faults }: ExtraChannelsProps) {
  const change = (place: number, next: Partial<Channel>): void =>
    onChange(channels.map((channel, index) => (index === place ? { ...channel, ...next } : channel)));
  return (
    <Stack gap="sm">
      {channels.map((channel, place) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a channel is its place in the list.
        <Group key={place} align="flex-end" wrap="nowrap">
          <OptionalFrequency
            label={`Channel ${place + 1}`}
            value={channel.frequencyHz === 0 ? undefined : channel.frequencyHz}
            onChange={hz => change(place, { frequencyHz: hz ?? 0 })}
            error={faults[`settings/extraChannels/${place}/frequencyHz`]}
          />
          <OptionalNumber
            label="DR from"
            min={0}
            max={15}
            w={90}
            value={channel.minDataRate}
            onChange={rate => change(place, { minDataRate: rate ?? 0 })}
            error={faults[`settings/extraChannels/${place}/minDataRate`]}
          />
          <OptionalNumber
            label="to"
            min={0}
            max={15}
            w={90}
            value={channel.maxDataRate}
            onChange={rate => change(place, { maxDataRate: rate ?? 0 })}
          />
          {isWriter && (
            <ActionIcon
              variant="subtle"
              color="gray"
              mb={5}
              aria-label={`Remove channel ${place + 1}`}
              onClick={() => onChange(channels.filter((_channel, index) => index !== place))}
            >
              <IconTrash size={16} />
            </ActionIcon>
          )}
        </Group>
      ))}
      {isWriter && (
        <Group>
          <Button
            variant="default"
            size="xs"
            leftSection={<IconPlus size={14} />}
            onClick={() => onChange([...channels, { frequencyHz: 0, minDataRate: 0, maxDataRate: 5 }])}
          >
            Add a channel
          </Button>
        </Group>
      )}
    </Stack>
  );
}
