import { Alert, Group } from "@mantine/core";
import { IconRocket } from "@tabler/icons-react";
import { mayWrite, useMe } from "../../api/session.ts";
import { PageButton } from "../../parts/links.tsx";

/** Where there is no device yet: the way to a first one, for those who may go it. */
export function Welcome() {
  const me = useMe();
  if (!mayWrite(me, "devices") || !mayWrite(me, "gateways")) return null;
  return (
    <Alert color="cyan" icon={<IconRocket size={18} />} title="There is no device here yet">
      <Group justify="space-between" gap="xs">
        Five minutes from here to a reading of one of yours.
        <PageButton to="/start" size="xs">
          First steps
        </PageButton>
      </Group>
    </Alert>
  );
}
